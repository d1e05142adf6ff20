// Who is called when: order, adding and removing, guests of one fit, and what cleanups throw.

#include <doctest/doctest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "engine/error.h"
#include "engine/tape.h"
#include "learner/callback.h"
#include "learner/learner.h"
#include "nn/layers.h"
#include "nn/loss.h"
#include "tests/learner/fits.h"

using namespace kindling;
using namespace kindling::test;

namespace {

/// A learner with nothing to it.
struct Small {
  Points data{8, 4, 4};
  nn::Linear model{3, 2};
  TrainLearner learn{model, data.dls, nn::CrossEntropyLoss{}};
};

/// Writes its name down at one event.
struct Named : OnEvent {
  Named(std::string& trace, std::string name, int order = 0, std::string at = "before_fit")
      : OnEvent(
            [&trace, name, at](const std::string& event, Learner&) {
              if (event == at) trace += name;
            },
            order) {}
};

/// Throws E at one event, every time.
template <class E, class... Args>
OnEvent throwing(const std::string& at, int order, Args... args) {
  return OnEvent(
      [=](const std::string& event, Learner&) {
        if (event == at) throw E(args...);
      },
      order);
}

}  // namespace

TEST_CASE("callbacks: are called by ascending order, those of equal order as they were added") {
  Small s;
  std::string trace;
  Named a(trace, "a", 1), b(trace, "b", 0), c(trace, "c", 1), d(trace, "d", -1), e(trace, "e", 0);
  for (Callback* cb : {&a, &b, &c, &d, &e}) s.learn.add(*cb);
  s.learn.fit(0);
  CHECK(trace == "dbeac");
  CHECK(s.learn.callbacks() == std::vector<Callback*>{&d, &b, &e, &a, &c});

  // Removing one leaves the others in their order; coming back it is behind its equals.
  s.learn.remove(b);
  s.learn.remove(b);
  trace.clear();
  s.learn.fit(0);
  CHECK(trace == "deac");
  s.learn.add(b);
  trace.clear();
  s.learn.fit(0);
  CHECK(trace == "debac");
}

TEST_CASE("callbacks: those a learner is made with are sorted in the same way") {
  Points data(4, 4, 4);
  nn::Linear model(3, 2);
  std::string trace;
  Named a(trace, "a", 2), b(trace, "b"), c(trace, "c", 2), d(trace, "d");
  TrainLearner learn(model, data.dls, nn::CrossEntropyLoss{}, {.cbs = {&a, &b, &c, &d}});
  learn.fit(0);
  CHECK(trace == "bdac");
}

TEST_CASE("callbacks: adding one twice, or none, is an error") {
  Small s;
  std::string trace;
  Named a(trace, "a");
  s.learn.add(a);
  CHECK_THROWS_AS(s.learn.add(a), Error);
  CHECK(s.learn.callbacks().size() == 1);
  CHECK_THROWS_AS(TrainLearner(s.model, s.data.dls, nn::CrossEntropyLoss{}, {.cbs = {&a, nullptr}}),
                  Error);
  CHECK_THROWS_AS(TrainLearner(s.model, s.data.dls, nn::CrossEntropyLoss{}, {.cbs = {&a, &a}}),
                  Error);
}

TEST_CASE("callbacks: guests of one fit take part in it in their order, and leave") {
  Small s;
  std::string trace;
  Named resident(trace, "r", 0), first(trace, "f", -1), last(trace, "l", 0);
  s.learn.add(resident);
  s.learn.fit(0, {.cbs = {&last, &first}});
  CHECK(trace == "frl");
  CHECK(s.learn.callbacks() == std::vector<Callback*>{&resident});
  s.learn.fit(0);
  CHECK(trace == "frlr");
}

TEST_CASE("callbacks: a guest that is there already is an error, and the other guests leave") {
  Small s;
  std::string trace;
  Named resident(trace, "r"), guest(trace, "g");
  s.learn.add(resident);
  CHECK_THROWS_AS(s.learn.fit(1, {.cbs = {&guest, &resident}}), Error);
  CHECK_THROWS_AS(s.learn.fit(1, {.cbs = {&guest, &guest}}), Error);
  CHECK(trace == "");
  CHECK(s.learn.callbacks() == std::vector<Callback*>{&resident});
  s.learn.fit(1, {.cbs = {&guest}});
  CHECK(trace == "rg");
}

TEST_CASE("callbacks: guests leave when the fit could not even start") {
  Small s;
  std::string trace;
  Named guest(trace, "g");
  CHECK_THROWS_AS(s.learn.fit(1, {.lr = -1, .cbs = {&guest}}), Error);
  CHECK_THROWS_AS(s.learn.fit(-1, {.cbs = {&guest}}), Error);
  CHECK(s.learn.callbacks().empty());
  CHECK(trace == "");
  s.learn.fit(1, {.cbs = {&guest}});
  CHECK(trace == "g");
}

TEST_CASE("callbacks: one that an event adds is called from the next event on") {
  Small s;
  std::string trace;
  Named early(trace, "e", -1, "after_predict"), late(trace, "l", 1, "after_predict");
  Named now(trace, "n", 1, "before_batch");
  OnEvent adds([&](const std::string& event, Learner& learn) {
    if (event != "before_batch" || learn.epoch > 0 || learn.iter > 0 || !learn.training) return;
    for (Callback* cb : {&early, &late, &now}) learn.add(*cb);
  });
  s.learn.add(adds);
  s.learn.fit(1, {.valid = false});
  // Two batches; "now" missed the first before_batch, during which it came.
  CHECK(trace == "elnel");
}

TEST_CASE("callbacks: one that an event removes is not called again, not even for that event") {
  Small s;
  std::string trace;
  auto goes = std::make_unique<Named>(trace, "g", 1, "before_batch");
  Named stays(trace, "s", 2, "before_batch");
  OnEvent removes([&](const std::string& event, Learner& learn) {
    if (event == "before_batch") learn.remove(*goes);
  });
  for (Callback* cb : std::vector<Callback*>{goes.get(), &stays, &removes}) s.learn.add(*cb);
  s.learn.fit(1, {.valid = false});
  CHECK(trace == "ss");
}

TEST_CASE("callbacks: one may remove itself") {
  Small s;
  int calls = 0;
  OnEvent once([&](const std::string&, Learner& learn) {
    ++calls;
    learn.remove(once);
  });
  s.learn.fit(1, {.cbs = {&once}});
  CHECK(calls == 1);
  CHECK(s.learn.callbacks().empty());
}

TEST_CASE("callbacks: every cleanup runs though others throw; the first exception goes on") {
  for (const std::string event : {"cleanup_batch", "cleanup_epoch", "cleanup_fit"}) {
    CAPTURE(event);
    Small s;
    std::string trace;
    OnEvent first = throwing<std::runtime_error>(event, -1, "first");
    OnEvent second = throwing<std::runtime_error>(event, 1, "second");
    Named between(trace, "b", 0, event), last(trace, "l", 2, event);
    Named fit_before(trace, "1", -2, "cleanup_fit"), fit_behind(trace, "2", 3, "cleanup_fit");
    for (Callback* cb :
         std::vector<Callback*>{&first, &second, &between, &last, &fit_before, &fit_behind})
      s.learn.add(*cb);
    CHECK_THROWS_WITH_AS(s.learn.fit(2), "first", std::runtime_error);
    CHECK(trace == (event == "cleanup_fit" ? "1bl2" : "bl12"));
    CHECK(grad_enabled());
  }
}

TEST_CASE("callbacks: what is on its way goes on, whatever the cleanups throw behind it") {
  Small s;
  OnEvent body = throwing<std::runtime_error>("after_loss", 0, "the loss");
  OnEvent batch = throwing<std::logic_error>("cleanup_batch", 0, "the batch");
  OnEvent fit = throwing<CancelFit>("cleanup_fit", 0);
  CHECK_THROWS_WITH_AS(s.learn.fit(1, {.cbs = {&body, &batch, &fit}}), "the loss",
                       std::runtime_error);
}

TEST_CASE("callbacks: an error in a cleanup is not lost behind a cancellation in another") {
  for (const std::string event : {"cleanup_batch", "cleanup_epoch", "cleanup_fit"}) {
    CAPTURE(event);
    Small s;
    OnEvent cancels([&](const std::string& e, Learner&) {
      if (e != event) return;
      if (e == "cleanup_batch") throw CancelBatch();
      if (e == "cleanup_epoch") throw CancelEpoch();
      throw CancelFit();
    });
    OnEvent fails = throwing<std::runtime_error>(event, 1, "disk full");
    CHECK_THROWS_WITH_AS(s.learn.fit(1, {.cbs = {&cancels, &fails}}), "disk full",
                         std::runtime_error);
  }
}

TEST_CASE("callbacks: an error in a cleanup is not lost while a cancellation passes through") {
  for (const std::string event : {"cleanup_batch", "cleanup_epoch", "cleanup_fit"}) {
    CAPTURE(event);
    Small s;
    OnEvent cancels = throwing<CancelFit>("after_loss", 0);
    OnEvent fails = throwing<std::runtime_error>(event, 1, "disk full");
    CHECK_THROWS_WITH_AS(s.learn.fit(1, {.cbs = {&cancels, &fails}}), "disk full",
                         std::runtime_error);
  }
}

TEST_CASE("callbacks: a new fit and a new pass begin to count at 0") {
  Small s;
  std::string trace;
  OnEvent watcher([&](const std::string& event, Learner& l) {
    if (event == "before_fit") trace += str("fit", l.epoch);
    if (event == "before_epoch") trace += str(" ", l.epoch, "/", l.iter);
  });
  s.learn.add(watcher);
  s.learn.fit(2);
  CHECK(trace == "fit0 0/0 0/0 1/0 1/0");
  trace.clear();
  s.learn.fit(1);
  CHECK(trace == "fit0 0/0 0/0");
}
