// Every callback leaves the learner as it found it, however a fit ends: the next one has the bits
// of a learner's first. And those that only watch change nothing.

#include <doctest/doctest.h>

#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "data/synthetic.h"
#include "engine/ops/elementwise.h"
#include "engine/tape.h"
#include "learner/callbacks/batch_transform.h"
#include "learner/callbacks/completion.h"
#include "learner/callbacks/csv_logger.h"
#include "learner/callbacks/freeze_bn.h"
#include "learner/callbacks/jsonl_logger.h"
#include "learner/callbacks/mixup.h"
#include "learner/callbacks/single_batch.h"
#include "learner/callbacks/tensorboard_cb.h"
#include "learner/callbacks/terminate_on_nan.h"
#include "learner/files/state_dict.h"
#include "nn/norm.h"
#include "nn/param_groups.h"
#include "tests/learner/whole_fit.h"
#include "tests/plot/picture.h"

using namespace kindling;
using namespace kindling::test;
using plot::testing::TemporaryFolder;

namespace {

using Make = std::function<std::unique_ptr<Callback>(const TemporaryFolder&)>;

struct Kind {
  const char* name;
  bool watches;  ///< It only does.
  Make make;
};

template <class C, class... Args>
Make made(Args... args) {
  return [=](const TemporaryFolder&) { return std::make_unique<C>(args...); };
}

/// A logger, which writes to a file.
template <class C>
Make writes() {
  return [](const TemporaryFolder& folder) { return std::make_unique<C>(folder.file("log")); };
}

Batch halved(Batch batch) {
  batch.xs[0] = Tensor((batch.xs[0] * Scalar{0.5}).value());
  return batch;
}

std::vector<Kind> kinds() {
  std::vector<Kind> all{
      {"ActivationStats", true,
       made<ActivationStats>(ModulePredicate(only<nn::Conv2d>), true, true)},
      {"BatchSchedCB", false, made<BatchSchedCB>(linear(0.5, 0.1), constant(0.5))},
      {"BatchTransformCB", false, made<BatchTransformCB>(halved)},
      {"CSVLoggerCB", true, writes<CSVLoggerCB>()},
      {"CompletionCB", true, made<CompletionCB>(nullptr)},
      {"CutMixCB", false, made<CutMixCB>()},
      {"EarlyStoppingCB", false,
       made<EarlyStoppingCB>(WatchOptions{.threshold = 0.9, .patience = 0})},
      {"EmaCB", false, made<EmaCB>(0.5)},
      {"EpochSchedCB", false, made<EpochSchedCB>(linear(0.5, 0.1), constant(0.5))},
      {"FreezeBNCB", false, made<FreezeBNCB>()},
      {"GradientAccumulationCB", false, made<GradientAccumulationCB>(2)},
      {"GradientClipCB", false, made<GradientClipCB>(0.01)},
      {"JSONLLoggerCB", true, writes<JSONLLoggerCB>()},
      {"MaxTimeCB", false, made<MaxTimeCB>(1e9)},
      {"MixupCB", false, made<MixupCB>()},
      {"PlateauCB", false, made<PlateauCB>(0.5, WatchOptions{.threshold = 0.9, .patience = 0})},
      {"ProgressCB", true, made<ProgressCB>(ProgressOptions{.out = nullptr})},
      {"ReportCB", true, made<ReportCB>(ReportOptions{.path = ""})},
      {"SingleBatchCB", false, made<SingleBatchCB>()},
      {"TensorBoardCB", true, writes<TensorBoardCB>()},
      {"TerminateOnNaN", true, made<TerminateOnNaN>()},
      {"UpdateStats", true, made<UpdateStats>()}};
  all.push_back({"CheckpointCB", true, [](const TemporaryFolder& folder) {
                   return std::make_unique<CheckpointCB>(
                       CheckpointOptions{.last = folder.file("last"), .every = 3});
                 }});
  all.push_back({"RecorderCB", true, [](const TemporaryFolder&) {
                   auto recorder = std::make_unique<RecorderCB>();
                   recorder->add("norm", gradient_norm, RecordAt::after_backward);
                   recorder->add("loss", [](const Learner& l) { return l.loss.item(); });
                   return recorder;
                 }});
  return all;
}

/// Where a fit ends, in its second batch, and how.
struct Ending {
  std::string event;
  bool training, throws;
  int order;  ///< Before or behind the callback.
};

/// A small fit over images, with metrics to watch: five batches an epoch, and two of validation.
/// The batch norm is frozen, for the sake of FreezeBNCB.
struct Images {
  ImageDataset train = synthetic_images(20, 3, 1, kSmall),
               valid = synthetic_images(8, 3, 2, kSmall);
  nn::Sequential model{nn::conv_bn(1, 4), nn::make<nn::Flatten>(), nn::make<nn::Linear>(64, 3)};
  MetricsCB metrics;
  TrainLearner learn{model,
                     {DataLoader(train, 4, true), DataLoader(valid, 4)},
                     nn::CrossEntropyLoss(),
                     {.lr = 0.1,
                      .cbs = {&metrics},
                      .opt_func = optimizer<nn::SGD>(nn::SGDOptions{.momentum = 0.9})}};
  const NamedArrays initial = state_dict(model);
  Images() {
    metrics.log = nullptr;
    for (const auto& [path, module] : model.named_modules())
      if (dynamic_cast<nn::BatchNorm*>(module)) nn::freeze(*module);
  }
  /// From the beginning, with the same random numbers: what becomes of weights and statistics.
  std::string fit() {
    load_state_dict(model, initial);
    set_seed(5);
    learn.fit(2);
    std::string all = bits(model);
    for (const auto& [path, tensor] : model.named_buffers()) all += bits(tensor.value());
    return all + str(default_random().state().counter, " ", learn.opt->lr());
  }
  /// Cut short. Returns whether the moment came.
  bool cut_short(const Ending& ending) {
    bool came = false;
    OnEvent stop(
        [&](const std::string& event, Learner& l) {
          if (event != ending.event || l.training != ending.training || l.iter != 1) return;
          came = true;
          if (ending.throws) throw std::runtime_error("enough");
          throw CancelFit();
        },
        ending.order);
    try {
      learn.fit(2, {.cbs = {&stop}});
    } catch (const std::runtime_error& error) {
      CHECK(error.what() == std::string("enough"));
    }
    return came;
  }
  /// Of a batch, by the learner's loss.
  double loss() {
    const NoGrad no_grad;
    model.eval();
    const Batch batch = valid.batch(std::vector<Index>{0, 1, 2});
    return learn.loss_func(model(batch.xs), batch).item();
  }
};

}  // namespace

TEST_CASE("every callback leaves the learner as it found it, wherever a fit is cut short") {
  for (const Kind& kind : kinds()) {
    const std::string name = kind.name;
    CAPTURE(name);
    const TemporaryFolder folder;
    const auto reference = kind.make(folder);
    set_seed(1);
    Images first;
    const double loss = first.loss();
    first.learn.add(*reference);
    const std::string expected = first.fit();
    const auto callback = kind.make(folder);
    set_seed(1);
    Images images;
    images.learn.add(*callback);
    int came = 0;
    for (const std::string event : {"after_predict", "after_backward", "after_step", "validation"})
      for (const bool throws : {false, true})
        for (const int order : {-100, 50}) {
          CAPTURE(event);
          CAPTURE(throws);
          CAPTURE(order);
          const bool valid = event == "validation";
          const auto callbacks = images.learn.callbacks();
          came += images.cut_short({valid ? "after_predict" : event, !valid, throws, order});
          CHECK(images.learn.callbacks() == callbacks);
          CHECK(images.learn.metrics == nullptr);
          CHECK(images.learn.lr == 0.1);
          CHECK((images.fit() == expected));
          load_state_dict(images.model, images.initial);
          CHECK(images.loss() == loss);
        }
    CHECK(came == (name == "SingleBatchCB" ? 0 : 16));  // which has no second batch
  }
}

TEST_CASE("callbacks that only watch do not disturb the training") {
  set_seed(1);
  Images alone;
  const std::string expected = alone.fit();
  int watchers = 0;
  for (const Kind& kind : kinds()) {
    const std::string name = kind.name;
    CAPTURE(name);
    if (!kind.watches) continue;
    ++watchers;
    const TemporaryFolder folder;
    const auto callback = kind.make(folder);
    set_seed(1);
    Images images;
    images.learn.add(*callback);
    CHECK((images.fit() == expected));
  }
  CHECK(watchers > 5);
}
