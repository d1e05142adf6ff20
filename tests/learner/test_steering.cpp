// The callbacks that set rates, change batches and write numbers down.

#include <doctest/doctest.h>

#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include "engine/ops/elementwise.h"
#include "learner/callbacks/batch_transform.h"
#include "learner/callbacks/recorder_cb.h"
#include "learner/callbacks/sched_cb.h"
#include "nn/layers.h"
#include "nn/loss.h"
#include "tests/learner/fits.h"
#include "tests/learner/numbers.h"
#include "tests/plot/picture.h"
#include "tests/support/errors.h"

using namespace kindling;
using namespace kindling::test;

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

}  // namespace

TEST_CASE("BatchSchedCB sets the rate and the momentum before every training batch") {
  Points data(12, 8, 4);
  nn::Linear model(3, 2);
  std::vector<double> rates, momenta;
  const auto of = [](double base) {
    return [=](Index step, Index steps) {
      return base * static_cast<double>(step + 1) / static_cast<double>(steps);
    };
  };
  BatchSchedCB schedule(of(0.5), of(0.25));
  OnEvent watch([&](const std::string& event, Learner& learn) {
    if (event != "after_step") return;
    rates.push_back(learn.opt->lr());
    momenta.push_back(dynamic_cast<nn::Adam&>(*learn.opt).beta1());
  });
  TrainLearner learn(model, data.dls, nn::CrossEntropyLoss(),
                     {.cbs = {&watch, &schedule}, .opt_func = optimizer<nn::Adam>()});
  learn.fit(2);
  REQUIRE(rates.size() == 6);
  for (std::size_t i = 0; i < 6; ++i) {
    CHECK(rates[i] == 0.5 * static_cast<double>(i + 1) / 6);
    CHECK(momenta[i] == 0.25 * static_cast<double>(i + 1) / 6);
  }
  CHECK_THROWS_AS(BatchSchedCB(nullptr), Error);
}

TEST_CASE("EpochSchedCB sets the rate before the training of every epoch") {
  Points data;
  nn::Linear model(3, 2);
  std::vector<double> rates;
  EpochSchedCB schedule(step_decay(1, 2, 0.5));
  OnEvent watch([&](const std::string& event, Learner& learn) {
    if (event == "after_batch") rates.push_back(learn.opt->lr());
  });
  TrainLearner learn(model, data.dls, nn::CrossEntropyLoss(), {.cbs = {&schedule, &watch}});
  learn.fit(3);
  REQUIRE(rates.size() == 15);
  for (std::size_t i = 0; i < 15; ++i) CHECK(rates[i] == (i < 10 ? 1 : 0.5));
}

TEST_CASE("a momentum that a schedule moves is the one the step uses") {
  for (const bool moved : {false, true}) {
    Tensor w(Array(Shape{1}, 0), true);
    nn::SGD sgd({w}, 1, {.momentum = moved ? 0.5 : 0.25});
    for (int step = 0; step < 2; ++step) {
      w.set_grad(Array(Shape{1}, 1));
      sgd.step();
      if (moved) sgd.set_momentum(0.25);
    }
    CHECK(w.value()[0] == -2.25);  // v = 1, then 0.25 + 1
  }
  nn::SGD nesterov({}, 1, {.momentum = 0.5, .nesterov = true});
  CHECK_THROWS_AS(nesterov.set_momentum(0), Error);
  CHECK_THROWS_AS(nesterov.set_momentum(-1), Error);
  CHECK_THROWS_AS(nn::RMSprop({}).set_momentum(kInfinity), Error);
}

TEST_CASE("RecorderCB: writes down any number of every training batch, and draws them") {
  Points data;
  nn::Linear model(3, 2);
  RecorderCB recorder;
  recorder.add("lr", [](const Learner& l) { return l.opt->lr(); });
  recorder.add("batch", [](const Learner& l) { return static_cast<double>(l.iter); });
  BatchSchedCB schedule(linear(1, 0));
  TrainLearner learn(model, data.dls, nn::CrossEntropyLoss(), {.cbs = {&recorder, &schedule}});
  for (int again = 0; again < 2; ++again) {
    learn.fit(2);
    REQUIRE(recorder["lr"].size() == 6);
    for (std::size_t i = 0; i < 6; ++i) {
      CHECK(recorder["lr"][i] == 1 - static_cast<double>(i) / 6);
      CHECK(recorder["batch"][i] == static_cast<double>(i % 3));
    }
  }
  const plot::testing::TemporaryFolder folder;
  recorder.plot(folder.file("lr.png"));
  CHECK(plot::testing::file_bytes(folder.file("lr.png")).size() > 1000);
  CHECK_THROWS_WITH_AS(recorder["loss"], "[recorder] there is no 'loss'", Error);
  CHECK_THROWS_AS(recorder.add("lr", [](const Learner&) { return 0.0; }), Error);
  CHECK_THROWS_AS(recorder.add("empty", nullptr), Error);
}

TEST_CASE("BatchTransformCB: the model sees what the transform makes of a batch") {
  Points data;
  nn::Linear model(3, 2);
  const auto twice = [](Batch batch) {
    batch.xs[0] = batch.xs[0] * Scalar{2};
    return batch;
  };
  for (const bool on_valid : {false, true}) {
    BatchTransformCB transform(twice, true, on_valid);
    std::vector<Array> plain, changed;
    OnEvent before(
        [&](const std::string& event, Learner& l) {
          if (event == "before_batch") plain.push_back(l.batch.xs[0].value());
        },
        -10);
    OnEvent after([&](const std::string& event, Learner& l) {
      if (event == "after_predict") changed.push_back(l.batch.xs[0].value());
    });
    TrainLearner learn(model, data.dls, nn::CrossEntropyLoss(),
                       {.cbs = {&transform, &before, &after}});
    learn.fit(1);
    REQUIRE(changed.size() == 5);
    for (std::size_t i = 0; i < 5; ++i) {
      const double factor = i < 3 || on_valid ? 2 : 1;
      std::vector<double> expected = numbers(plain[i]);
      for (double& x : expected) x *= factor;
      CHECK(numbers(changed[i]) == expected);
    }
  }
  CHECK_THROWS_AS(BatchTransformCB{nullptr}, Error);
}

TEST_CASE("a schedule leaves the learner its rate, however the fit ends") {
  Points data;
  nn::Linear model(3, 2);
  BatchSchedCB by_batch(linear(1, 0.5));
  EpochSchedCB by_epoch(linear(1, 0.5));
  for (Callback* schedule : {static_cast<Callback*>(&by_batch), static_cast<Callback*>(&by_epoch)})
    for (const bool throws : {false, true}) {
      TrainLearner learn(model, data.dls, nn::CrossEntropyLoss(), {.lr = 0.125});
      OnEvent stop([&](const std::string& event, Learner& l) {
        if (event != "after_step" || l.epoch != 1) return;
        if (throws) throw std::runtime_error("enough");
        throw CancelFit();
      });
      if (throws)
        CHECK_THROWS_WITH_AS(learn.fit(2, {.lr = 0.25, .cbs = {schedule, &stop}}), "enough",
                             std::runtime_error);
      else
        learn.fit(2, {.lr = 0.25, .cbs = {schedule, &stop}});
      CHECK(learn.opt->lr() >= 0.5);  // as the schedule has left it
      CHECK(learn.lr == 0.125);
      CHECK(learn.callbacks().empty());
      learn.fit(1);
      CHECK(learn.opt->lr() == 0.125);
    }
}
