// The callbacks that set rates, change batches and write numbers down.

#include <doctest/doctest.h>

#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include "engine/ops/elementwise.h"
#include "learner/callbacks/batch_transform.h"
#include "learner/callbacks/gradients.h"
#include "learner/callbacks/recorder_cb.h"
#include "learner/callbacks/sched_cb.h"
#include "learner/predictions.h"
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

TEST_CASE("EpochSchedCB sets the rate and the momentum before the training of every epoch") {
  Points data;
  nn::Linear model(3, 2);
  std::vector<double> rates, momenta;
  EpochSchedCB schedule(step_decay(1, 2, 0.5)), with_momentum(constant(1), linear(0.9, 0.6));
  OnEvent watch([&](const std::string& event, Learner& learn) {
    if (event != "after_batch") return;
    rates.push_back(learn.opt->lr());
    momenta.push_back(dynamic_cast<nn::Adam&>(*learn.opt).beta1());
  });
  TrainLearner learn(model, data.dls, nn::CrossEntropyLoss(),
                     {.cbs = {&watch}, .opt_func = optimizer<nn::Adam>()});
  learn.fit(3, {.cbs = {&schedule}});
  REQUIRE(rates.size() == 15);
  for (std::size_t i = 0; i < 15; ++i) CHECK(rates[i] == (i < 10 ? 1 : 0.5));
  for (const double momentum : momenta) CHECK(momentum == 0.9);  // Adam's own
  momenta.clear();
  learn.fit(3, {.cbs = {&with_momentum}});
  REQUIRE(momenta.size() == 15);
  const double expected[] = {0.9, 0.8, 0.7};  // five batches each
  for (std::size_t i = 0; i < 15; ++i)
    CHECK(momenta[i] == doctest::Approx(expected[i / 5]).epsilon(1e-12));
  CHECK_THROWS_AS(EpochSchedCB(nullptr), Error);
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

TEST_CASE("RecorderCB: behind a backward pass, and in validation") {
  set_seed(1);
  Points data;  // three batches of training, two of validation
  nn::Linear model(3, 2);
  RecorderCB recorder;
  recorder.add("norm", gradient_norm, RecordAt::after_backward);
  recorder.add("gone", gradient_norm);  // when the step is done
  recorder.add(
      "valid", [](const Learner& l) { return l.loss.item(); }, RecordAt::after_valid);
  recorder.add(
      "iter", [](const Learner& l) { return static_cast<double>(l.iter); }, RecordAt::after_valid);
  GradientClipCB clip(1e-3);
  std::vector<double> norms, losses;
  OnEvent watch(
      [&](const std::string& event, Learner& l) {
        if (event == "after_backward") norms.push_back(norm(gradients(l)));
        if (event == "after_loss" && !l.training) losses.push_back(l.loss.item());
      },
      -100);
  TrainLearner learn(model, data.dls, nn::CrossEntropyLoss(),
                     {.lr = 0.5, .cbs = {&clip, &recorder, &watch}});
  for (int again = 0; again < 2; ++again) {
    norms.clear(), losses.clear();
    learn.fit(2);
    CHECK(norms.size() == 6);
    CHECK(furthest(recorder["norm"], norms) <= 1e-6);
    CHECK(norms.front() > 0.01);  // not yet clipped
    CHECK(recorder["gone"] == std::vector<double>(6, 0));
    CHECK(recorder["valid"] == losses);
    CHECK(recorder["iter"] == std::vector<double>{0, 1, 0, 1});
  }
  // Of steps alone, where gradients are gathered; and of neither in a rehearsal.
  GradientAccumulationCB accumulation(2);
  learn.fit(1, {.cbs = {&accumulation}});
  CHECK(recorder["norm"].size() == 2);
  capture_preds(learn);
  CHECK(recorder["valid"].size() == 2);
  learn.fit(1, {.train = false});
  CHECK(recorder["norm"].empty());
  CHECK(recorder["valid"].size() == 2);
}

TEST_CASE("RecorderCB: a panel a quantity, each with its own scale") {
  Points data;
  nn::Linear model(3, 2);
  RecorderCB none, one, two;
  for (RecorderCB* recorder : {&one, &two})
    recorder->add("large", [](const Learner& l) { return 1e6 * static_cast<double>(l.iter); });
  two.add(
      "small", [](const Learner& l) { return 1e-6 * static_cast<double>(l.iter); },
      RecordAt::after_valid);
  TrainLearner learn(model, data.dls, nn::CrossEntropyLoss(), {.cbs = {&none, &one}});
  CHECK(plot::testing::text_trouble(two.picture()) == "");  // before there is anything to draw
  learn.fit(2);
  learn.remove(none), learn.remove(one);
  learn.fit(2, {.cbs = {&two}});
  const plot::Canvas picture = two.picture();
  for (const char* text : {"large", "small", "batch", "batch of validation"})
    CHECK_MESSAGE(plot::testing::shows_text(picture, text), text);
  CHECK_FALSE(plot::testing::shows_text(one.picture(), "small"));
  CHECK(plot::testing::text_trouble(picture) == "");
  CHECK(picture.height() > one.picture().height());
  CHECK(picture.width() > 0);
  CHECK(plot::testing::text_trouble(none.picture()) == "");
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
