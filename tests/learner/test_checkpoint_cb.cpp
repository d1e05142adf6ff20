// What is kept when, what a signal does, and what is carried from batch to batch.

#include "learner/callbacks/checkpoint_cb.h"

#include <doctest/doctest.h>

#include <csignal>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "engine/ops/elementwise.h"
#include "engine/ops/loss.h"
#include "learner/callbacks/lr_finder.h"
#include "learner/predictions.h"
#include "learner/stop_signals.h"
#include "nn/param_groups.h"
#include "tests/learner/whole_fit.h"
#include "tests/plot/picture.h"
#include "tests/support/errors.h"

using namespace kindling;
using namespace kindling::test;
using plot::testing::file_bytes;
using plot::testing::TemporaryFolder;

TEST_CASE("CheckpointCB: every so many batches, after every epoch, and the best epoch") {
  const TemporaryFolder folder;
  const std::string last = folder.file("last"), best = folder.file("best");
  WholeFit fit(
      {.last = last, .every = 7, .best = best, .metric = "accuracy", .larger_is_better = true});
  std::vector<std::string> seen;  // when the file had changed
  std::string bytes;
  OnEvent watch([&](const std::string& event, Learner& learn) {
    if ((event != "cleanup_batch" && event != "before_epoch") || !std::filesystem::exists(last))
      return;
    if (std::exchange(bytes, file_bytes(last)) != bytes)
      seen.push_back(str(event, " ", learn.epoch, " ", learn.iter));
  });
  fit.learn->add(watch);
  fit.run();
  CHECK(seen == std::vector<std::string>{"cleanup_batch 0 6", "cleanup_batch 0 13",
                                         "before_epoch 1 0", "cleanup_batch 1 0",
                                         "cleanup_batch 1 7", "cleanup_batch 1 14"});
  const auto& history = fit.metrics.history();
  const bool second = history[3]["accuracy"] > history[1]["accuracy"];
  WholeFit from_best({});
  from_best.checkpoint.resume(best);
  from_best.learn->fit(2);
  CHECK(from_best.metrics.csv() == fit.metrics.csv());
  CHECK((file_bytes(best) == file_bytes(last)) == second);
}

TEST_CASE("CheckpointCB: a signal ends the fit behind the batch, with a checkpoint") {
  const TemporaryFolder folder;
  const std::string whole = folder.file("whole"), half = folder.file("half");
  WholeFit uninterrupted({.last = whole});
  uninterrupted.run();
  for (const int signal : {SIGINT, SIGTERM}) {
    WholeFit fit({.last = half});
    OnEvent ask([&](const std::string& event, Learner& learn) {
      if (event == "after_predict" && learn.epoch == 1 && learn.iter == 3) std::raise(signal);
    });
    fit.learn->add(ask);
    {
      const StopSignals signals;
      CHECK(StopSignals::received() == 0);
      try {
        fit.run();
        CHECK(false);
      } catch (const Stopped& stopped) {
        CHECK(stopped.signal == signal);
        CHECK(stopped.saved == half);
      }
    }
    CHECK(StopSignals::received() == 0);
    CHECK(fit.progress.losses().size() == 24);
    WholeFit rest({.last = half});
    rest.checkpoint.resume(half);
    rest.run();
    CHECK((file_bytes(half) == file_bytes(whole)));
  }
}

namespace {

/// How far a fit of two epochs comes, and from where: through, from its beginning to the plug that
/// is pulled behind four batches, or from there to its end.
enum class Way { whole, stopped, resumed };

void fit(Learner& learn, Way way, const std::string& half) {
  CheckpointCB checkpoint;
  StopAfter stop(4, half);
  if (way == Way::resumed) checkpoint.resume(half);
  if (way == Way::stopped)
    CHECK_THROWS_WITH(learn.fit(2, {.cbs = {&stop, &checkpoint}}), "pulled the plug");
  else
    learn.fit(2, {.cbs = {&checkpoint}});
}

}  // namespace

TEST_CASE("CheckpointCB: gradients that a MomentumLearner carries on are carried over") {
  const TemporaryFolder folder;
  const Points data(24, 8, 4, true);
  const auto weights = [&](Way way) {
    set_seed(3);
    const auto model = nn::mlp(3, 4, 2);
    MomentumLearner learn(*model, data.dls, nn::CrossEntropyLoss(), {.lr = 0.05});
    fit(learn, way, folder.file("half"));
    return bits(*model);
  };
  const std::string whole = weights(Way::whole);
  CHECK((weights(Way::stopped) != whole));
  CHECK((weights(Way::resumed) == whole));
}

TEST_CASE("CheckpointCB: a fit with frozen layers and groups of parameters goes on as it was") {
  const TemporaryFolder folder;
  const Points data(24, 8, 4, true);
  const auto weights = [&](Way way, double factor = 0.5) {
    set_seed(3);
    nn::Sequential model(nn::make<nn::Linear>(3, 4), nn::make<nn::Linear>(4, 4),
                         nn::make<nn::Linear>(4, 2));
    nn::freeze(model[0]);
    TrainLearner learn(
        model, data.dls, nn::CrossEntropyLoss(),
        {.lr = 0.05, .opt_func = optimizer<nn::Adam>(), .param_groups = [=](const nn::Module& m) {
           return nn::discriminative(m, factor);
         }});
    fit(learn, way, folder.file("half"));
    return bits(model);
  };
  const std::string whole = weights(Way::whole);
  CHECK((weights(Way::stopped) != whole));
  CHECK((weights(Way::resumed) == whole));
  CHECK(contains(message_of([&] { weights(Way::resumed, 0.25); }), "optimizer.group.0.lr_scale"));
}

TEST_CASE("CheckpointCB: a mock training leaves the files of the real one alone") {
  const TemporaryFolder folder;
  const std::string last = folder.file("last"), plot = folder.file("losses.png");
  WholeFit fit({.last = last, .every = 1});
  ProgressCB draws({.out = nullptr, .plot = plot});
  fit.learn->remove(fit.progress);
  fit.learn->add(draws);
  fit.run();
  const std::string before = file_bytes(last), drawn = file_bytes(plot);
  lr_find(*fit.learn, {.max_epochs = 1});
  CHECK((file_bytes(last) == before));
  CHECK((file_bytes(plot) == drawn));
  fit.run();
  CHECK((file_bytes(last) != before));
  CHECK((file_bytes(plot) != drawn));
}

TEST_CASE("CheckpointCB: a mock training is stopped too, and before it nothing is forgotten") {
  const TemporaryFolder folder;
  const std::string half = folder.file("half"), whole = folder.file("whole");
  WholeFit uninterrupted({.last = whole});
  uninterrupted.run();
  WholeFit first({.last = half}), fit({.last = half});
  StopAfter stop(13, half);
  first.learn->add(stop);
  CHECK_THROWS_AS(first.run(), std::runtime_error);
  const std::string before = file_bytes(half);
  fit.checkpoint.resume(half);
  OnEvent ask([](const std::string& event, Learner& learn) {
    if (event == "after_predict" && learn.rehearses && learn.iter == 3) std::raise(SIGINT);
  });
  fit.learn->add(ask);
  {
    const StopSignals signals;
    try {
      lr_find(*fit.learn, {.max_epochs = 1});
      CHECK(false);
    } catch (const Stopped& stopped) {
      CHECK(stopped.saved.empty());
    }
  }
  CHECK((file_bytes(half) == before));
  fit.run();
  CHECK((file_bytes(half) == file_bytes(whole)));
}

TEST_CASE("CheckpointCB: a fit that is restored and cancelled at once leaves nothing in hand") {
  const TemporaryFolder folder;
  const std::string half = folder.file("half");
  WholeFit first({}), fit({});
  StopAfter stop(13, half);
  first.learn->add(stop);
  CHECK_THROWS_AS(first.run(), std::runtime_error);
  bool restored = false;
  OnEvent enough(
      [&](const std::string& event, Learner& learn) {
        if (event != "before_fit" || learn.rehearses) return;
        restored = learn.start && learn.start->batch == 13;
        throw CancelFit();
      },
      callback_order::kCheckpoint);
  fit.learn->add(enough);
  fit.checkpoint.resume(half);
  fit.run();
  CHECK(restored);
  CHECK(fit.report.report().losses == first.report.report().losses);
  fit.learn->remove(enough);
  CHECK(capture_preds(*fit.learn).labels.size() == 40);
  fit.run();  // from the beginning
  CHECK(fit.report.report().losses.size() == 40);
}

TEST_CASE("CheckpointCB: what it cannot do it says before the fit") {
  CHECK_THROWS_WITH_AS(CheckpointCB({.every = -1}),
                       "[checkpoint] every -1 batches: at least 0 expected", Error);
  const TemporaryFolder folder;
  Points data;
  const auto model = nn::mlp(3, 4, 2);
  TrainLearner learn(*model, data.dls, nn::CrossEntropyLoss());
  CheckpointCB best({.best = folder.file("best")});
  learn.add(best);
  CHECK_THROWS_WITH_AS(
      learn.fit(1), "[checkpoint] a MetricsCB and validation expected: its loss is to be followed",
      Error);
  CHECK_THROWS_AS(best.resume(folder.file("missing")), Error);
  MetricsCB metrics;
  metrics.log = nullptr;
  CheckpointCB misspelt({.best = folder.file("best"), .metric = "acuracy"});
  TrainLearner other(*model, data.dls, nn::CrossEntropyLoss(), {.cbs = {&metrics, &misspelt}});
  CHECK_THROWS_WITH_AS(other.fit(1), "[checkpoint] no metric 'acuracy'; there are loss", Error);
  CHECK(metrics.history().empty());
  GradientAccumulationCB two(2), three(3);
  CheckpointCB saves({.last = folder.file("last")});
  TrainLearner doubled(*model, data.dls, nn::CrossEntropyLoss(), {.cbs = {&two, &three, &saves}});
  CHECK_THROWS_WITH_AS(doubled.fit(1),
                       "[checkpoint] two callbacks have the state_name() 'gradient_accumulation': "
                       "one expected",
                       Error);
}

TEST_CASE("CheckpointCB: a fit that could not begin leaves what is to be resumed for the next") {
  const TemporaryFolder folder;
  const std::string half = folder.file("half");
  WholeFit first({.last = half}), fit({});
  StopAfter stop(13, half);
  first.learn->add(stop);
  CHECK_THROWS_AS(first.run(), std::runtime_error);
  fit.checkpoint.resume(half);
  OnEvent fails([](const std::string& event, Learner&) {
    if (event == "before_fit") throw std::runtime_error("not yet");
  });
  fit.learn->add(fails);
  CHECK_THROWS_WITH(fit.run(), "not yet");
  fit.learn->remove(fails);
  int batches = 0;
  OnEvent counts([&](const std::string& event, Learner& l) {
    batches += event == "after_step" && l.training;
  });
  fit.learn->add(counts);
  fit.run();
  WholeFit whole({});
  const int resumed = std::exchange(batches, 0);
  whole.learn->add(counts);
  whole.run();
  CHECK(resumed > 0);
  CHECK(resumed < batches);
}
