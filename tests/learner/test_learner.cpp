// What a fit does to a model: it learns, repeatably, and each kind of Learner does it alike.

#include "learner/learner.h"

#include <doctest/doctest.h>

#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "data/synthetic.h"
#include "engine/error.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/loss.h"
#include "engine/ops/reduce.h"
#include "engine/random.h"
#include "learner/basic_learner.h"
#include "learner/callbacks/lr_finder.h"
#include "learner/callbacks/metrics_cb.h"
#include "learner/callbacks/single_batch.h"
#include "learner/callbacks/train_cb.h"
#include "learner/predictions.h"
#include "nn/layers.h"
#include "nn/loss.h"
#include "nn/models.h"
#include "tests/learner/fits.h"
#include "tests/support/errors.h"

using namespace kindling;
using namespace kindling::test;

namespace {

struct Stripes {
  ImageDataset train = synthetic_images(400, 4, 1, {.height = 12, .width = 12});
  ImageDataset valid = synthetic_images(100, 4, 2, {.height = 12, .width = 12});
  DataLoaders dls = make_data_loaders(train, valid, 50);
};

/// Seeds, makes a model and something that fits it; the model's parameters afterwards.
template <class Fit>
std::string trained(const Fit& fit) {
  set_seed(7);
  Stripes data;
  const auto model = nn::mlp(144, 16, 4);
  fit(*model, data.dls);
  return bits(*model);
}

TEST_CASE("Learner: a fit begins without the gradients that a cancelled one left") {
  struct CancelOnce : Callback {
    void after_backward(Learner&) override { throw CancelFit(); }
  };
  const auto weights_after_a_batch = [](bool cancelled_before) {
    set_seed(3);
    Points data;
    nn::Linear model(3, 2);
    SingleBatchCB single;
    CancelOnce cancel;
    TrainLearner learn(model, data.dls, nn::CrossEntropyLoss());
    if (cancelled_before) learn.fit(1, {.cbs = {&cancel}});
    learn.fit(1, {.cbs = {&single}});
    return bits(model);
  };
  CHECK(weights_after_a_batch(true) == weights_after_a_batch(false));
}

TEST_CASE("Learner: a fit within a fit is refused, and the outer one goes on") {
  Points data;
  nn::Linear model(3, 2);
  int epochs = 0, refused = 0;
  OnEvent judge([&](const std::string& event, Learner& learn) {
    if (event != "after_epoch" || learn.training) return;
    ++epochs;
    try {
      capture_preds(learn);
    } catch (const Error& error) {
      refused += std::string(error.what()) == "[fit] another fit of this learner is running";
    }
  });
  TrainLearner learn(model, data.dls, nn::CrossEntropyLoss(), {.cbs = {&judge}});
  learn.fit(3);
  CHECK(epochs == 3);
  CHECK(refused == 3);
  learn.remove(judge);
  CHECK(capture_preds(learn).labels.size() == 8);
  CHECK_FALSE(learn.rehearses);
}

TEST_CASE("Learner: what is null or empty is an error and not a crash") {
  Points data;
  nn::Linear model(3, 2);
  TrainLearner learn(model, data.dls, nn::CrossEntropyLoss());
  CHECK_THROWS_WITH_AS(learn.fit(1, {.cbs = {nullptr}}), "[fit] a callback is null", Error);
  learn.opt_func = nullptr;
  CHECK_THROWS_WITH_AS(learn.fit(1), "[fit] opt_func is empty", Error);
  learn.opt_func = [](nn::Parameters, double) { return nullptr; };
  CHECK_THROWS_WITH_AS(learn.fit(1), "[fit] opt_func made no optimizer", Error);
}

}  // namespace

TEST_CASE("Learner: training data that make no batch are an error, and a fit of none is not") {
  const TensorDataset three = points(3);
  nn::Linear model(3, 2);
  TrainLearner learn(model, {DataLoader(three, 4, false, true), DataLoader(three, 4)},
                     nn::CrossEntropyLoss());
  const char* const expected = "[fit] the training data make no batch: 3 rows in batches of 4";
  CHECK_THROWS_WITH_AS(learn.fit(1), expected, Error);
  CHECK_THROWS_WITH_AS(lr_find(learn), expected, Error);
  learn.fit(0);
  learn.fit(1, {.train = false});
  CHECK(capture_preds(learn).labels.size() == 3);
}

TEST_CASE("Learner: a small model learns the stripes") {
  set_seed(1);
  Stripes data;
  const auto model = nn::mlp(144, 32, 4);
  MetricsCB metrics;
  metrics.add<metrics::Accuracy>("accuracy");
  metrics.log = [](const MetricsRow&) {};
  TrainLearner learn(*model, data.dls, nn::CrossEntropyLoss{}, {.lr = 0.3, .cbs = {&metrics}});

  learn.fit(1, {.train = false});
  CHECK(metrics.history().at(0)["accuracy"] < 0.6);
  learn.fit(6);
  REQUIRE(metrics.history().size() == 12);
  CHECK(metrics.history().back().split() == std::string("valid"));
  CHECK(metrics.history().back()["accuracy"] > 0.9);
  CHECK(metrics.history().back()["loss"] < metrics.history()[1]["loss"]);
}

TEST_CASE("Learner: the three ways to train give the same weights, bit for bit") {
  const nn::CrossEntropyLoss loss;
  const std::string untrained = trained([](nn::Module&, DataLoaders&) {});
  const std::string plain = trained([&](nn::Module& model, DataLoaders& dls) {
    TrainCB steps;
    Learner(model, dls, loss, {.lr = 0.2, .cbs = {&steps}}).fit(2);
  });
  const std::string train = trained([&](nn::Module& model, DataLoaders& dls) {
    TrainLearner(model, dls, loss, {.lr = 0.2}).fit(2);
  });
  const std::string basic = trained(
      [&](nn::Module& model, DataLoaders& dls) { BasicLearner(model, dls, loss, 0.2).fit(2); });
  CHECK((plain != untrained));
  CHECK((plain == train));
  CHECK((basic == train));
}

TEST_CASE("Learner: a seed makes a run repeatable, for any number of threads") {
  const auto run = [](int threads, std::uint64_t seed) {
    const Threads guard(threads);
    set_seed(seed);
    const ImageDataset train = synthetic_images(96, 10, 1), valid = synthetic_images(64, 10, 2);
    const auto model = nn::conv_net();
    MetricsCB metrics;
    metrics.log = [](const MetricsRow&) {};
    TrainLearner learn(*model, make_data_loaders(train, valid, 32), nn::CrossEntropyLoss{},
                       {.lr = 0.2,
                        .cbs = {&metrics},
                        .opt_func = optimizer<nn::SGD>(nn::SGDOptions{.momentum = 0.9})});
    learn.fit(2);
    return std::pair(bits(*model), metrics.history().back()["loss"]);
  };
  const auto once = run(1, 3);
  for (const int threads : {1, 2, 4}) {
    const auto again = run(threads, 3);
    CHECK((again.first == once.first));
    CHECK(again.second == once.second);
  }
  CHECK((run(1, 4).first != once.first));
}

TEST_CASE("MomentumLearner: 0.85 unless told otherwise; 0 is a TrainLearner") {
  const auto with = [](auto... momentum) {
    return trained([=](nn::Module& model, DataLoaders& dls) {
      MomentumLearner(model, dls, nn::CrossEntropyLoss{}, {.lr = 0.1}, momentum...).fit(1);
    });
  };
  const std::string train = trained([](nn::Module& model, DataLoaders& dls) {
    TrainLearner(model, dls, nn::CrossEntropyLoss{}, {.lr = 0.1}).fit(1);
  });
  CHECK((with() == with(0.85)));
  CHECK((with() != with(0.84)));
  CHECK((with(0.0) == train));
  for (const double bad : {-0.1, 1.0, std::numeric_limits<double>::quiet_NaN()})
    CHECK_THROWS_AS(with(bad), Error);
}

TEST_CASE("Learner: no epoch at all is a fit, less than none is an error") {
  Points data;
  nn::Linear model(3, 2);
  const std::string before = bits(model);
  std::string trace;
  OnEvent watcher([&](const std::string& event, Learner&) { trace += event + " "; });
  TrainLearner learn(model, data.dls, nn::CrossEntropyLoss{}, {.cbs = {&watcher}});
  learn.fit(0);
  CHECK(trace == "before_fit after_fit cleanup_fit ");
  trace.clear();
  CHECK_THROWS_WITH_AS(learn.fit(-1), "[fit] -1 epochs: at least 0 expected", Error);
  CHECK_THROWS_AS(learn.fit(std::numeric_limits<int>::min()), Error);
  CHECK(trace == "");
  CHECK((bits(model) == before));
}

TEST_CASE("Learner: a fit may train only, validate only, or do neither") {
  Points data;
  nn::Linear model(3, 2);
  int trained = 0, validated = 0;
  OnEvent watcher([&](const std::string& event, Learner& learn) {
    if (event == "before_epoch") ++(learn.training ? trained : validated);
  });
  TrainLearner learn(model, data.dls, nn::CrossEntropyLoss{}, {.cbs = {&watcher}});
  const std::string before = bits(model);
  learn.fit(2, {.train = false});
  CHECK(std::pair(trained, validated) == std::pair(0, 2));
  CHECK((bits(model) == before));
  learn.fit(3, {.train = false, .valid = false});
  CHECK(std::pair(trained, validated) == std::pair(0, 2));
  learn.fit(1, {.valid = false});
  CHECK(std::pair(trained, validated) == std::pair(1, 2));
  CHECK((bits(model) != before));
}

TEST_CASE("Learner: a fit may have its own learning rate, and only that fit") {
  Points data(4, 4, 4);
  nn::Linear model(3, 2);
  std::vector<double> rates;
  OnEvent watcher([&](const std::string& event, Learner& learn) {
    if (event == "before_fit") rates.push_back(learn.opt->lr());
  });
  TrainLearner learn(model, data.dls, nn::CrossEntropyLoss{}, {.lr = 0.5, .cbs = {&watcher}});
  learn.fit(1);
  learn.fit(1, {.lr = 0.25});
  learn.fit(1);
  CHECK(rates == std::vector<double>{0.5, 0.25, 0.5});
  const std::string before = bits(model);
  learn.fit(2, {.lr = 0});
  CHECK((bits(model) == before));
  CHECK_THROWS_AS(learn.fit(1, {.lr = -0.1}), Error);
  CHECK_THROWS_AS(learn.fit(1, {.lr = std::numeric_limits<double>::quiet_NaN()}), Error);
  CHECK(rates.size() == 4);
}

TEST_CASE("Learner: without anybody to take the steps there is an error that says what to add") {
  Points data;
  nn::Linear model(3, 2);
  Learner learn(model, data.dls, nn::CrossEntropyLoss{});
  const char* no_predictions =
      "[learner] no callback made predictions: add a TrainCB or use a TrainLearner";
  CHECK_THROWS_WITH_AS(learn.fit(1), no_predictions, Error);
  TrainCB steps;
  learn.fit(1, {.cbs = {&steps}});
  CHECK_THROWS_WITH_AS(learn.fit(1), no_predictions, Error);
  OnEvent half([](const std::string& event, Learner& l) {
    if (event == "predict") l.preds = l.model(l.batch.xs[0]);
  });
  CHECK_THROWS_WITH_AS(
      learn.fit(1, {.cbs = {&half}}),
      "[learner] no callback computed the loss: add a TrainCB or use a TrainLearner", Error);
}

TEST_CASE("Learner: a loss that wants values says so when the batch holds labels, and vice versa") {
  Points labelled;
  nn::Linear model(3, 2);
  TrainLearner wants_values(model, labelled.dls, nn::MSELoss{});
  CHECK_THROWS_WITH_AS(wants_values.fit(1),
                       "[batch] values expected, but the target holds class labels", Error);
  const TensorDataset valued(Array(Shape{4, 3}, 1), Array(Shape{4, 2}, 1));
  const DataLoaders dls{DataLoader(valued, 2), DataLoader(valued, 2)};
  TrainLearner wants_labels(model, dls, nn::CrossEntropyLoss{});
  CHECK_THROWS_WITH_AS(wants_labels.fit(1),
                       "[batch] class labels expected, but the target holds values", Error);
  wants_labels.loss_func = mse_loss;
  wants_labels.fit(1);
}

TEST_CASE("Learner: the mode of the model is that of the pass, and validation records nothing") {
  Points data;
  const auto model = nn::mlp(3, 4, 2);
  int seen = 0;
  OnEvent watcher([&](const std::string& event, Learner& learn) {
    if (event != "after_loss") return;
    ++seen;
    for (const auto& [path, module] : learn.model.named_modules())
      CHECK(module->training() == learn.training);
    CHECK(learn.preds.requires_grad() == learn.training);
    CHECK(learn.loss.requires_grad() == learn.training);
    for (const Tensor& parameter : learn.model.parameters()) CHECK(!parameter.grad().defined());
    CHECK(learn.dl == (learn.training ? &learn.dls.train : &learn.dls.valid));
  });
  TrainLearner learn(*model, data.dls, nn::CrossEntropyLoss{}, {.cbs = {&watcher}});
  model->eval();
  learn.fit(2);
  CHECK(seen == 2 * (3 + 2));
}

TEST_CASE("Learner: a loss is a single number") {
  Points data;
  nn::Linear model(3, 2);
  const auto by_row = [](const Tensor& scores, const IntArray&) { return sum(scores, {1}); };
  TrainLearner learn(model, data.dls, by_row);
  CHECK(message_of<ShapeError>([&] { learn.fit(1); }) ==
        "[learner] the loss is (4): a single number expected, such as its mean()");
}
