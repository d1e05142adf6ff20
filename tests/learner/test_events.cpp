// The order of events, whatever is thrown from wherever: compared with the model in loop_model.h.

#include <doctest/doctest.h>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

#include "engine/tape.h"
#include "learner/callback.h"
#include "learner/callbacks/hooks_callback.h"
#include "learner/callbacks/metrics_cb.h"
#include "learner/callbacks/train_cb.h"
#include "learner/learner.h"
#include "nn/layers.h"
#include "nn/loss.h"
#include "tests/learner/fits.h"
#include "tests/learner/loop_model.h"

using namespace kindling;
using namespace kindling::test;

namespace {

void throw_it(Thrown what) {
  switch (what) {
    case Thrown::nothing:
      return;
    case Thrown::cancel_step:
      throw CancelStep();
    case Thrown::cancel_batch:
      throw CancelBatch();
    case Thrown::cancel_epoch:
      throw CancelEpoch();
    case Thrown::cancel_fit:
      throw CancelFit();
    case Thrown::error:
      throw std::runtime_error("something else");
  }
}

/// What comes out of a function, and what it says of itself.
struct Escape {
  Thrown what = Thrown::nothing;
  std::string message = "";
};

template <class F>
Escape escape(const F& f) {
  try {
    f();
  } catch (const CancelStep& e) {
    return {Thrown::cancel_step, e.what()};
  } catch (const CancelBatch& e) {
    return {Thrown::cancel_batch, e.what()};
  } catch (const CancelEpoch& e) {
    return {Thrown::cancel_epoch, e.what()};
  } catch (const CancelFit& e) {
    return {Thrown::cancel_fit, e.what()};
  } catch (const std::runtime_error& e) {
    return {Thrown::error, e.what()};
  }
  return {};
}

std::string message_of(Thrown what) {
  switch (what) {
    case Thrown::nothing:
      return "";
    case Thrown::cancel_step:
      return "CancelStep thrown outside of a step";
    case Thrown::cancel_batch:
      return "CancelBatch thrown outside of a batch";
    case Thrown::cancel_epoch:
      return "CancelEpoch thrown outside of an epoch";
    case Thrown::cancel_fit:
      return "CancelFit thrown outside of a fit";
    case Thrown::error:
      return "something else";
  }
  return "?";
}

Sight sight(const std::string& who, const std::string& event, const Learner& learn) {
  return {who,
          event,
          learn.epoch,
          static_cast<int>(learn.iter),
          learn.training,
          learn.model.training(),
          grad_enabled(),
          learn.preds.defined(),
          learn.loss.defined()};
}

/// The lines, with those fields of `seen` left out that `expected` leaves open.
std::string first_difference(const std::vector<Sight>& seen, const std::vector<Sight>& expected) {
  for (std::size_t i = 0; i < std::max(seen.size(), expected.size()); ++i) {
    std::string got = "the end", want = "the end";
    if (i < expected.size()) want = expected[i].text();
    if (i < seen.size()) {
      Sight masked = seen[i];
      if (i < expected.size())
        for (int Sight::*field : {&Sight::epoch, &Sight::iter, &Sight::training, &Sight::mode,
                                  &Sight::records, &Sight::preds, &Sight::loss})
          if (expected[i].*field == kOpen) masked.*field = kOpen;
      got = masked.text();
    }
    if (got != want) return "event " + std::to_string(i) + ": got " + got + ", expected " + want;
  }
  return "";
}

/// A learner with one callback that can throw, between two that watch; the late one is a guest of
/// each fit. Around them what has something to clean up: hooks and metrics.
struct Stage {
  explicit Stage(const Plan& p)
      : plan(p),
        thrower(
            [this](const std::string& event, Learner&) {
              if (event == plan.event && ++seen == plan.occurrence) throw_it(plan.what);
            },
            plan.steps_first ? 1 : -1),
        early([this](const std::string& e, Learner& l) { sights.push_back(sight("early", e, l)); },
              -5),
        late([this](const std::string& e, Learner& l) { sights.push_back(sight("late", e, l)); },
             5) {
    metrics.log = [](const MetricsRow&) {};
  }

  Escape fit() {
    sights.clear();
    seen = 0;
    return escape([&] { learn.fit(plan.epochs, {.cbs = {&late}}); });
  }

  Plan plan;
  int seen = 0;
  std::vector<Sight> sights;
  Points data{12, 8, 4};
  nn::Linear model{3, 2};
  OnEvent thrower, early, late;
  TrainCB train;
  MetricsCB metrics;
  HooksCallback<int> hooks{[](int& n, nn::Module&, const Tensor&, const Tensor&) { ++n; },
                           only<nn::Linear>, true, true};
  Learner learn{model,
                data.dls,
                nn::CrossEntropyLoss{},
                {.cbs = {&thrower, &train, &metrics, &hooks, &early}}};
};

/// Plays a plan on a learner and holds it against the model; then fits once more, undisturbed.
void check_plan(const Plan& plan) {
  CAPTURE(plan.event);
  CAPTURE(plan.occurrence);
  CAPTURE(message_of(plan.what));
  CAPTURE(plan.steps_first);
  const LoopModel expected(plan);
  Stage stage(plan);
  const Escape out = stage.fit();
  CHECK(out.what == expected.escaped);
  CHECK(out.message == message_of(expected.escaped));
  CHECK(first_difference(stage.sights, expected.sights) == "");

  // Everything is as it was before.
  CHECK(grad_enabled());
  CHECK(stage.learn.metrics == nullptr);
  CHECK(stage.learn.callbacks().size() == 5);
  const int calls = stage.hooks.hooks().size() ? stage.hooks.hooks()[0].state() : 0;
  stage.model(Tensor(Array(Shape{1, 3}, 1)));
  CHECK((stage.hooks.hooks().size() ? stage.hooks.hooks()[0].state() : 0) == calls);

  Plan undisturbed = plan;
  stage.plan.what = undisturbed.what = Thrown::nothing;
  undisturbed.event = "";
  CHECK(stage.fit().what == Thrown::nothing);
  CHECK(first_difference(stage.sights, LoopModel(undisturbed).sights) == "");
  CHECK(stage.hooks.hooks()[0].state() == plan.epochs * (plan.train_batches + plan.valid_batches));
  CHECK(stage.metrics.history().size() == std::size_t(2 * plan.epochs));
}

}  // namespace

TEST_CASE("events: an undisturbed fit calls every event in its place") {
  const LoopModel model(Plan{});
  REQUIRE(model.counts.size() == 18);
  CHECK(model.counts.at("after_batch") == 10);
  CHECK(model.counts.at("after_step") == 6);
  CHECK(model.counts.at("cleanup_epoch") == 4);
  CHECK(model.counts.at("cleanup_fit") == 1);
  check_plan(Plan{});
}

TEST_CASE("events: each exception from each event at each moment of a fit does what it should") {
  int plans = 0;
  for (const auto& [event, times] : LoopModel(Plan{}).counts)
    for (int occurrence = 1; occurrence <= times; ++occurrence)
      for (const Thrown what : {Thrown::cancel_step, Thrown::cancel_batch, Thrown::cancel_epoch,
                                Thrown::cancel_fit, Thrown::error})
        for (const bool steps_first : {false, true}) {
          check_plan({2, 3, 2, what, event, occurrence, steps_first});
          ++plans;
        }
  CHECK(plans == (3 + 3 * 4 + 7 * 10 + 5 * 6) * 5 * 2);
}

TEST_CASE("events: one epoch of one batch, written out") {
  // What the model is made of, without the model.
  Points data(4, 4, 4);
  nn::Linear model(3, 2);
  std::string trace;
  OnEvent watcher(
      [&](const std::string& event, Learner& l) { trace += event + (l.training ? " " : "' "); });
  TrainCB steps;
  Learner learn(model, data.dls, nn::CrossEntropyLoss{}, {.cbs = {&steps, &watcher}});
  learn.fit(1);
  CHECK(trace ==
        "before_fit "
        "before_epoch before_batch predict after_predict get_loss after_loss backward "
        "after_backward step after_step zero_grad after_batch cleanup_batch after_epoch "
        "cleanup_epoch "
        "before_epoch' before_batch' predict' after_predict' get_loss' after_loss' after_batch' "
        "cleanup_batch' after_epoch' cleanup_epoch' "
        "after_fit' cleanup_fit' ");

  // A TrainLearner takes the five steps itself: they are no events there.
  trace.clear();
  TrainLearner train(model, data.dls, nn::CrossEntropyLoss{}, {.cbs = {&watcher}});
  train.fit(1, {.valid = false});
  CHECK(trace ==
        "before_fit before_epoch before_batch after_predict after_loss after_backward after_step "
        "after_batch cleanup_batch after_epoch cleanup_epoch after_fit cleanup_fit ");
}
