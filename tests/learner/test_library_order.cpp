// Which of two callbacks comes first, in whatever order they were added: where the library says,
// and where both stand at the same place, as they were added.

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

#include "engine/ops/elementwise.h"
#include "learner/callbacks/batch_transform.h"
#include "learner/callbacks/checkpoint_cb.h"
#include "learner/callbacks/ema_cb.h"
#include "learner/callbacks/metrics_cb.h"
#include "learner/callbacks/watch.h"
#include "learner/files/state_dict.h"
#include "nn/layers.h"
#include "nn/loss.h"
#include "nn/models.h"
#include "tests/learner/fits.h"
#include "tests/learner/numbers.h"
#include "tests/plot/picture.h"

using namespace kindling;
using namespace kindling::test;
using plot::testing::TemporaryFolder;

namespace {

/// Adds all of them, the last one first if so told.
void add(Learner& learn, std::vector<Callback*> cbs, bool turned) {
  if (turned) cbs = {cbs.rbegin(), cbs.rend()};
  for (Callback* cb : cbs) learn.add(*cb);
}

/// Number k of the script for pass k, training and validation by turns.
struct ByPass : metrics::Metric {
  const std::vector<double> script;
  std::size_t resets = 0;
  explicit ByPass(std::vector<double> values) : script(std::move(values)) {}
  void reset() override { ++resets; }
  void update(const Array&, const Target&) override {}
  double compute() const override { return script.at(resets - 1); }
  void state(Archive&) override {}
};

}  // namespace

TEST_CASE("order: whoever looks at the weights in validation sees the average, and no longer") {
  for (const bool turned : {false, true}) {
    set_seed(2);
    Points data;
    const auto model = nn::mlp(3, 4, 2);
    EmaCB ema(0.5);
    std::string own, average;
    int begun = 0, ended = 0;
    OnEvent watch([&](const std::string& event, Learner& l) {
      if (event == "after_step") own = bits(*model);
      if (l.training) return;
      if (event == "before_epoch") {
        ++begun;
        average = bits(*model);
        CHECK((average != own));
      }
      if (event == "after_batch" || event == "after_epoch") CHECK((bits(*model) == average));
      if (event == "cleanup_epoch") {
        ++ended;
        CHECK((bits(*model) == own));
      }
    });
    TrainLearner learn(*model, data.dls, nn::CrossEntropyLoss(), {.lr = 0.5});
    add(learn, {&ema, &watch}, turned);
    learn.fit(2);
    CHECK(begun == 2);
    CHECK(ended == 2);
  }
}

TEST_CASE("order: what looks behind a step finds the average with it") {
  for (const bool turned : {false, true}) {
    set_seed(2);
    Points data;
    const auto model = nn::mlp(3, 4, 2);
    const std::vector<double> before = weights(*model);
    EmaCB ema(0.5);
    std::vector<double> expected;
    OnEvent watch([&](const std::string& event, Learner&) {
      if (event != "after_step") return;
      const std::vector<double> own = weights(*model);
      for (std::size_t i = 0; i < own.size(); ++i)  // d = 2/11 in the first step
        expected.push_back(2 / 11.0 * before[i] + 9 / 11.0 * own[i]);
      ema.keep();
      CHECK(furthest(weights(*model), expected) <= 1e-6);
      throw CancelFit();
    });
    TrainLearner learn(*model, data.dls, nn::CrossEntropyLoss(), {.lr = 0.5});
    add(learn, {&ema, &watch}, turned);
    learn.fit(1);
    CHECK_FALSE(expected.empty());
  }
}

TEST_CASE("order: metrics and patience go by the average, wherever they stand") {
  std::vector<std::string> rows;
  for (const bool averaged : {true, false})
    for (const bool turned : {false, true}) {
      set_seed(2);
      Points data;
      const auto model = nn::mlp(3, 4, 2);
      EmaCB ema(0.9);
      MetricsCB metrics;
      metrics.log = nullptr;
      metrics.clock = [] { return 0.0; };
      EarlyStoppingCB stopping({.patience = 5});
      TrainLearner learn(*model, data.dls, nn::CrossEntropyLoss(), {.lr = 0.5});
      if (averaged && !turned) learn.add(ema);
      add(learn, {&metrics, &stopping}, turned);
      if (averaged && turned) learn.add(ema);
      learn.fit(3);
      rows.push_back(metrics.csv());
    }
  CHECK(rows[0] == rows[1]);
  CHECK(rows[2] == rows[3]);
  CHECK(rows[0] != rows[2]);
}

TEST_CASE("order: patience reads the row of the validation, not that of the training before it") {
  // Training gets better from epoch to epoch, validation worse.
  for (const bool turned : {false, true}) {
    Points data;
    nn::Linear model(3, 2);
    MetricsCB metrics;
    metrics.log = nullptr;
    metrics.add<ByPass>("x", std::vector<double>{1, 4, 2, 3, 3, 2, 4, 1});
    EarlyStoppingCB stopping({.metric = "x", .larger_is_better = true, .patience = 0});
    TrainLearner learn(model, data.dls, nn::CrossEntropyLoss());
    add(learn, {&metrics, &stopping}, turned);
    learn.fit(4);
    CHECK(stopping.stopped());
    CHECK(metrics.history().size() == 4);
  }
}

TEST_CASE("order: of two transforms the one that was added first comes first") {
  const auto times = [](Scalar factor) {
    return [=](Batch batch) {
      batch.xs[0] = batch.xs[0] * factor;
      return batch;
    };
  };
  const auto plus = [](Batch batch) {
    batch.xs[0] = batch.xs[0] + Scalar{1};
    return batch;
  };
  for (const bool turned : {false, true}) {
    Points data;
    nn::Linear model(3, 2);
    BatchTransformCB doubles(times(2)), adds(plus);
    std::vector<double> plain, changed;
    OnEvent before(
        [&](const std::string& event, Learner& l) {
          if (event == "before_batch") plain = numbers(l.batch.xs[0].value());
        },
        -1);
    OnEvent after([&](const std::string& event, Learner& l) {
      if (event != "after_predict") return;
      changed = numbers(l.batch.xs[0].value());
      for (double& x : plain) x = turned ? (x + 1) * 2 : x * 2 + 1;
      CHECK(furthest(changed, plain) <= 1e-6);
    });
    TrainLearner learn(model, data.dls, nn::CrossEntropyLoss(), {.cbs = {&before, &after}});
    add(learn, {&doubles, &adds}, turned);
    learn.fit(1);
    CHECK_FALSE(changed.empty());
  }
}

TEST_CASE("order: the checkpoint of the best epoch has the average that was judged") {
  const TemporaryFolder folder;
  const std::string best = folder.file("best");
  for (const bool turned : {false, true}) {
    set_seed(2);
    Points data;
    const auto model = nn::mlp(3, 4, 2), loaded = nn::mlp(3, 4, 2);
    EmaCB ema(0.9);
    MetricsCB metrics;
    metrics.log = nullptr;
    CheckpointCB checkpoint({.best = best});
    TrainLearner learn(*model, data.dls, nn::CrossEntropyLoss(), {.lr = 0.5});
    add(learn, {&metrics, &ema, &checkpoint}, turned);
    learn.fit(1);
    load_state_dict(*loaded, read_weights(best));
    CHECK((bits(*loaded) != bits(*model)));
    ema.keep();
    CHECK((bits(*loaded) == bits(*model)));
  }
}
