// Patience: rates that fall on a plateau, and fits that end early.

#include <doctest/doctest.h>

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "learner/callbacks/checkpoint_cb.h"
#include "learner/callbacks/metrics_cb.h"
#include "learner/callbacks/sched_cb.h"
#include "learner/callbacks/watch.h"
#include "learner/predictions.h"
#include "nn/layers.h"
#include "nn/loss.h"
#include "tests/learner/fits.h"
#include "tests/learner/numbers.h"
#include "tests/plot/picture.h"
#include "tests/support/errors.h"
#include "tests/support/nn_fixtures.h"

using namespace kindling;
using namespace kindling::test;

namespace {

/// A metric that says what it is told to: number i for epoch i.
struct Scripted : metrics::Metric {
  const std::vector<double> script;
  Index resets = 0;  // one for each pass, two an epoch
  explicit Scripted(std::vector<double> values) : script(std::move(values)) {}
  void reset() override { ++resets; }
  void update(const Array&, const Target&) override {}
  double compute() const override { return script.at(static_cast<std::size_t>((resets - 1) / 2)); }
  void state(Archive& archive) override { archive("resets", resets); }
};

/// A small fit with a scripted metric called "x".
struct ScriptedFit {
  Points data;
  nn::Linear model{3, 2};
  MetricsCB metrics;
  Scripted* scripted = nullptr;
  TrainLearner learn{model, data.dls, nn::CrossEntropyLoss(), {.cbs = {&metrics}}};
  explicit ScriptedFit(std::vector<double> script) {
    metrics.log = nullptr;
    scripted = &metrics.add<Scripted>("x", std::move(script));
  }
};

}  // namespace

TEST_CASE("PlateauCB is PyTorch's ReduceLROnPlateau") {
  const auto rows = reference_cases("plateau", "schedules.json");
  CHECK(rows.size() == 6);
  for (const Json& row : rows) {
    const std::vector<double> expected = row["values"].numbers();
    ScriptedFit fit(row["metric"].numbers());
    PlateauCB plateau(
        0.5,
        {.metric = "x",
         .larger_is_better = row["larger"].number != 0,
         .threshold = row["threshold"].number,
         .patience = static_cast<int>(row["patience"].number)},
        {.min_lr = row["min_lr"].number, .cooldown = static_cast<int>(row["cooldown"].number)});
    std::vector<double> rates;
    OnEvent watch(
        [&](const std::string& event, Learner& learn) {
          if (event == "after_epoch" && !learn.training) rates.push_back(learn.opt->lr());
        },
        100);
    // The plateau stands in front of the metrics here, and yet comes after them.
    fit.learn.remove(fit.metrics);
    fit.learn.add(plateau);
    fit.learn.add(fit.metrics);
    fit.learn.add(watch);
    fit.learn.fit(static_cast<int>(expected.size()), {.lr = 0.3});
    CHECK(furthest(rates, expected) <= 1e-15);
    CHECK(rates.back() < 0.3);
  }
}

TEST_CASE("PlateauCB: every fit has all of its patience, and measures by its own best value") {
  ScriptedFit fit({1, 2, 3, 4});
  PlateauCB plateau(0.5, {.metric = "x", .larger_is_better = false, .patience = 1});
  fit.learn.add(plateau);
  for (const int epochs : {2, 2, 3}) {  // patience runs out in the third epoch
    fit.scripted->resets = 0;
    fit.learn.fit(epochs, {.lr = 0.3});
    CHECK(fit.learn.opt->lr() == (epochs < 3 ? 0.3 : 0.15));
  }
}

TEST_CASE("EarlyStoppingCB: ends the fit when patience has run out, with every epoch logged") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double inf = std::numeric_limits<double>::infinity();
  struct Case {
    std::vector<double> script;
    int patience, epochs;
    bool larger;
  };
  for (const Case& c :
       {Case{{3, 2, 2, 2, 1, 0}, 1, 4, false},  // two in a row that are not better
        Case{{3, 2, 2, 1, 1, 0}, 1, 6, false}, Case{{1, 2, 1, 3, 3, 4}, 0, 3, true},
        Case{{inf, 2, 1, 0.5, 0.4, 0.3}, 0, 6, false}, Case{{-inf, 1, 2, 3, 4, 5}, 0, 6, true},
        Case{{nan, nan, 5, nan, 4, 3}, 1, 2, false}, Case{{nan, 5, nan, 4, 3, 2}, 1, 6, false},
        Case{{1, 1, 1, 1, 1, 1}, 9, 6, false}}) {
    ScriptedFit fit(c.script);
    EarlyStoppingCB stopping({.metric = "x", .larger_is_better = c.larger, .patience = c.patience});
    fit.learn.add(stopping);
    for (int again = 0; again < 2; ++again) {
      fit.scripted->resets = 0;
      fit.learn.fit(6);
      CHECK_FALSE(fit.model.training());  // that of the validation, which came last
      CHECK(fit.learn.epoch == std::min(c.epochs, 6) - (c.epochs < 6 ? 1 : 0));
      CHECK(fit.metrics.history().size() == static_cast<std::size_t>(2 * c.epochs));
      CHECK(stopping.stopped() == (c.epochs < 6));
    }
  }
}

TEST_CASE("EarlyStoppingCB: a fit whose patience runs out in its last epoch comes to its end") {
  for (const int epochs : {3, 4}) {
    ScriptedFit fit({1, 2, 3, 4});
    EarlyStoppingCB stopping({.metric = "x", .larger_is_better = false, .patience = 1});
    bool to_its_end = false;
    OnEvent end([&](const std::string& event, Learner&) { to_its_end |= event == "after_fit"; });
    fit.learn.fit(epochs, {.cbs = {&stopping, &end}});
    CHECK(stopping.stopped());
    CHECK(fit.metrics.history().size() == 6);
    CHECK(to_its_end == (epochs == 3));
  }
}

namespace {

/// Interrupts a fit as an epoch ends, behind the checkpoint of it.
struct StopBehind : OnEvent {
  explicit StopBehind(int epoch)
      : OnEvent([epoch](const std::string& event, Learner& learn) {
          if (event == "cleanup_epoch" && !learn.training && learn.epoch == epoch)
            throw std::runtime_error("pulled the plug");
        }) {}
};

}  // namespace

TEST_CASE("patience: a fit interrupted after any epoch ends where it would have ended") {
  const plot::testing::TemporaryFolder folder;
  const std::string half = folder.file("half");
  constexpr int kEpochs = 8;
  for (const int patience : {0, 1, 2}) {
    // Worse than the best, which an early one was, than which it is better; then three in a row.
    const std::vector<double> script{5, 4, 4.5, 3, 3.5, 6, 7, 2};
    const WatchOptions watched{.metric = "x", .larger_is_better = false, .patience = patience};
    const int ends = patience == 0 ? 3 : patience == 1 ? 6 : 7;  // epochs, counted by hand
    ScriptedFit whole(script);
    EarlyStoppingCB stopping(watched);
    whole.learn.fit(kEpochs, {.cbs = {&stopping}});
    REQUIRE(whole.metrics.history().size() == static_cast<std::size_t>(2 * ends));
    for (int epoch = 0; epoch < ends; ++epoch) {
      CAPTURE(epoch);
      ScriptedFit first(script), second(script);
      EarlyStoppingCB before(watched), after(watched);
      CheckpointCB keeps({.last = half}), goes_on;
      StopBehind plug(epoch);
      CHECK_THROWS_WITH(first.learn.fit(kEpochs, {.cbs = {&before, &keeps, &plug}}),
                        "pulled the plug");
      goes_on.resume(half);
      second.learn.fit(kEpochs, {.cbs = {&after, &goes_on}});
      CHECK(second.metrics.history().size() == static_cast<std::size_t>(2 * ends));
      CHECK(after.stopped());
    }
  }
}

TEST_CASE("PlateauCB: a fit interrupted after any epoch has the rates that it would have had") {
  const plot::testing::TemporaryFolder folder;
  const std::string half = folder.file("half");
  const std::vector<double> script{5, 6, 4, 5, 5, 5, 4.5, 3, 9, 9, 9, 9};
  const int epochs = static_cast<int>(script.size());
  const WatchOptions watched{.metric = "x", .larger_is_better = false, .patience = 1};
  struct Fit : ScriptedFit {
    PlateauCB plateau;
    std::vector<double> rates;
    OnEvent look{[this](const std::string& event, Learner& l) {
                   if (event == "after_epoch" && !l.training) rates.push_back(l.opt->lr());
                 },
                 100};
    Fit(const std::vector<double>& script, const WatchOptions& options, int cooldown)
        : ScriptedFit(script), plateau(0.5, options, {.min_lr = 0.1, .cooldown = cooldown}) {
      learn.add(plateau);
      learn.add(look);
    }
  };
  for (const int cooldown : {0, 2}) {
    Fit whole(script, watched, cooldown);
    whole.learn.fit(epochs, {.lr = 0.4});
    const double a = 0.4, b = 0.2, c = 0.1;
    const std::vector<double> by_hand = cooldown == 0
                                            ? std::vector{a, a, a, a, b, b, c, c, c, c, c, c}
                                            : std::vector{a, a, a, a, b, b, b, b, b, c, c, c};
    CHECK(furthest(whole.rates, by_hand) <= 1e-15);
    for (int epoch = 0; epoch < epochs; ++epoch) {
      CAPTURE(epoch);
      Fit first(script, watched, cooldown), second(script, watched, cooldown);
      CheckpointCB keeps({.last = half}), goes_on;
      StopBehind plug(epoch);
      CHECK_THROWS_WITH(first.learn.fit(epochs, {.lr = 0.4, .cbs = {&keeps, &plug}}),
                        "pulled the plug");
      goes_on.resume(half);
      second.learn.fit(epochs, {.lr = 0.4, .cbs = {&goes_on}});
      std::vector<double> rates = first.rates;
      rates.insert(rates.end(), second.rates.begin(), second.rates.end());
      CHECK(rates == whole.rates);
    }
  }
}

TEST_CASE("PlateauCB: a rate that is below min_lr already does not rise") {
  ScriptedFit fit({1, 2, 3});
  PlateauCB plateau(0.5, {.metric = "x", .larger_is_better = false, .patience = 0},
                    {.min_lr = 0.3});
  fit.learn.fit(3, {.lr = 0.2, .cbs = {&plateau}});
  CHECK(fit.learn.opt->lr() == 0.2);
}

TEST_CASE("PlateauCB: not beside a schedule, which would undo what it does") {
  BatchSchedCB by_batch(constant(0.1));
  EpochSchedCB by_epoch(constant(0.1));
  for (Callback* schedule : {static_cast<Callback*>(&by_batch), static_cast<Callback*>(&by_epoch)})
    for (const bool schedule_first : {false, true}) {
      ScriptedFit fit({1, 2, 3});
      PlateauCB plateau(0.5, {.metric = "x"});
      if (schedule_first) fit.learn.add(*schedule);
      fit.learn.add(plateau);
      if (!schedule_first) fit.learn.add(*schedule);
      CHECK(message_of([&] { fit.learn.fit(1); }) ==
            "[plateau] a schedule sets the rate, and would undo what this does: one of the two "
            "expected");
      CHECK(capture_preds(fit.learn).labels.size() == 8);  // a rehearsal leaves the rate alone
      fit.learn.remove(*schedule);
      fit.learn.fit(1);
    }
}

TEST_CASE("what is better, unless it is said: less of the loss, more of everything else") {
  ScriptedFit fit({1, 2, 3, 4});
  EarlyStoppingCB rises({.metric = "x", .patience = 0});
  fit.learn.fit(4, {.cbs = {&rises}});
  CHECK_FALSE(rises.stopped());
  fit.scripted->resets = 0;
  EarlyStoppingCB falls({.metric = "x", .larger_is_better = false, .patience = 0});
  fit.learn.fit(4, {.cbs = {&falls}});
  CHECK(falls.stopped());
  // The loss of a model that learns falls.
  EarlyStoppingCB loss({.patience = 0});
  fit.scripted->resets = 0;
  fit.learn.fit(4, {.cbs = {&loss}});
  CHECK_FALSE(loss.stopped());
}

TEST_CASE("what is watched must be there, and settings must make sense") {
  Points data;
  nn::Linear model(3, 2);
  TrainLearner learn(model, data.dls, nn::CrossEntropyLoss());
  EarlyStoppingCB stopping;
  CHECK_THROWS_WITH_AS(
      learn.fit(1, {.cbs = {&stopping}}),
      "[early_stopping] a MetricsCB and validation expected: its loss is to be followed", Error);
  ScriptedFit fit({1, 2, 3});
  CHECK_THROWS_AS(fit.learn.fit(1, {.valid = false, .cbs = {&stopping}}), Error);
  EarlyStoppingCB other({.metric = "nothing"});
  CHECK_THROWS_WITH_AS(fit.learn.fit(1, {.cbs = {&other}}),
                       "[early_stopping] no metric 'nothing'; there are loss, x", Error);
  Points nothing(12, 0);
  MetricsCB metrics;
  TrainLearner blind(model, nothing.dls, nn::CrossEntropyLoss(), {.cbs = {&metrics}});
  CHECK_THROWS_AS(blind.fit(1, {.cbs = {&stopping}}), Error);
  PlateauCB plateau(0.5, {.metric = "accuracy"});
  CHECK_THROWS_WITH_AS(fit.learn.fit(1, {.cbs = {&plateau}}),
                       "[plateau] no metric 'accuracy'; there are loss, x", Error);
  CHECK(fit.metrics.history().empty());  // at once, not after an epoch
  CHECK_THROWS_AS(PlateauCB{0.0}, Error);
  CHECK_THROWS_AS(PlateauCB{1.0}, Error);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const PlateauOptions bad : {PlateauOptions{.min_lr = -1}, {.min_lr = nan}, {.cooldown = -1}})
    CHECK(begins(message_of([&] { PlateauCB(0.5, {}, bad); }), "[plateau] min_lr "));
  CHECK_THROWS_AS(Watch({.threshold = -1}), Error);
  CHECK_THROWS_AS(Watch({.patience = -1}), Error);
}
