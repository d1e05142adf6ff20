// The callbacks that steer a fit: rates, gradients, averages, patience, and what is written down.

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "engine/ops/elementwise.h"
#include "learner/callbacks/batch_transform.h"
#include "learner/callbacks/ema_cb.h"
#include "learner/callbacks/gradients.h"
#include "learner/callbacks/metrics_cb.h"
#include "learner/callbacks/recorder_cb.h"
#include "learner/callbacks/sched_cb.h"
#include "learner/callbacks/watch.h"
#include "nn/layers.h"
#include "nn/loss.h"
#include "nn/models.h"
#include "nn/norm.h"
#include "tests/learner/fits.h"
#include "tests/plot/picture.h"
#include "tests/support/errors.h"
#include "tests/support/nn_fixtures.h"

using namespace kindling;
using namespace kindling::test;

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// All numbers of an array, and of all parameters.
std::vector<double> numbers(const Array& array) {
  return {array.data(), array.data() + array.size()};
}
std::vector<double> weights(const nn::Module& model) {
  std::vector<double> all;
  for (const Tensor& parameter : model.parameters())
    for (const double value : numbers(parameter.value())) all.push_back(value);
  return all;
}
std::vector<double> gradients(const Learner& learn) {
  std::vector<double> all;
  for (const Tensor& parameter : learn.opt->parameters())
    for (const double value : numbers(parameter.grad())) all.push_back(value);
  return all;
}

double norm(const std::vector<double>& numbers) {
  double square = 0;
  for (const double number : numbers) square += number * number;
  return std::sqrt(square);
}

double furthest(const std::vector<double>& a, const std::vector<double>& b) {
  REQUIRE(a.size() == b.size());
  double most = 0;
  for (std::size_t i = 0; i < a.size(); ++i) most = std::max(most, std::abs(a[i] - b[i]));
  return most;
}

/// A metric that says what it is told to: number i for epoch i.
struct Scripted : metrics::Metric {
  const std::vector<double> script;
  std::size_t resets = 0;  // one for each pass, two an epoch
  explicit Scripted(std::vector<double> values) : script(std::move(values)) {}
  void reset() override { ++resets; }
  void update(const Array&, const Target&) override {}
  double compute() const override { return script.at((resets - 1) / 2); }
  void state(Archive&) override {}
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

TEST_CASE("GradientClipCB: gradients above the norm are scaled to it, others are left alone") {
  Points data;
  for (const double share : {0.25, 2.0}) {
    set_seed(1);
    nn::Linear model(3, 2);
    std::vector<double> before, after;
    double max_norm = 0, seen = 0;
    std::unique_ptr<GradientClipCB> clip;
    // The norm of the very gradients, from a fit that is not clipped.
    OnEvent look(
        [&](const std::string& event, Learner& learn) {
          if (event != "after_backward" || learn.iter != 0) return;
          before = gradients(learn);
        },
        -100);
    OnEvent look_again(
        [&](const std::string& event, Learner& learn) {
          if (event != "after_backward" || learn.iter != 0 || !clip) return;
          after = gradients(learn);
          seen = clip->norm();
          throw CancelFit();
        },
        100);
    TrainLearner learn(model, data.dls, nn::CrossEntropyLoss(), {.cbs = {&look_again, &look}});
    OnEvent stop([](const std::string& event, Learner&) {
      if (event == "after_backward") throw CancelFit();
    });
    learn.fit(1, {.cbs = {&stop}});
    max_norm = share * norm(before);
    clip = std::make_unique<GradientClipCB>(max_norm);
    learn.fit(1, {.cbs = {clip.get()}});
    CHECK(seen == doctest::Approx(norm(before)).epsilon(1e-5));
    std::vector<double> expected = before;
    if (share < 1)
      for (double& g : expected) g *= max_norm / (norm(before) + 1e-6);
    CHECK(furthest(after, expected) <= (share < 1 ? 1e-6 : 0));
  }
  for (const double bad : {0.0, -1.0, kInfinity}) CHECK_THROWS_AS(GradientClipCB{bad}, Error);
}

TEST_CASE("GradientAccumulationCB: three batches of 4 make the step of one of 12") {
  std::vector<double> results[2];
  for (const bool gathers : {false, true}) {
    set_seed(1);
    Points data(24, 8, gathers ? 4 : 12);
    const auto model = nn::mlp(3, 5, 2);
    GradientAccumulationCB accumulation(3);
    TrainLearner learn(
        *model, data.dls, nn::CrossEntropyLoss(),
        {.lr = 0.5, .opt_func = optimizer<nn::SGD>(nn::SGDOptions{.momentum = 0.9})});
    if (gathers) learn.add(accumulation);
    learn.fit(3);
    results[gathers] = weights(*model);
  }
  CHECK(furthest(results[0], results[1]) <= 1e-6);
}

TEST_CASE("GradientAccumulationCB: what is left at the end of an epoch makes a step, alone") {
  Points data(20, 8, 4);  // five batches: a step behind the third and the fifth
  nn::Linear model(3, 2);
  std::vector<Index> steps;
  OnEvent watch([&](const std::string& event, Learner& learn) {
    if (event == "after_step") steps.push_back(learn.iter);
  });
  GradientAccumulationCB accumulation(3);
  TrainLearner learn(model, data.dls, nn::CrossEntropyLoss(), {.cbs = {&watch, &accumulation}});
  learn.fit(2);
  CHECK(steps == std::vector<Index>{2, 4, 2, 4});
  // A fit that is cancelled in between leaves nothing for the next.
  OnEvent stop([](const std::string& event, Learner& l) {
    if (event == "after_batch" && l.iter == 1) throw CancelFit();
  });
  learn.fit(1, {.cbs = {&stop}});
  steps.clear();
  learn.fit(1);
  CHECK(steps == std::vector<Index>{2, 4});
  CHECK_THROWS_AS(GradientAccumulationCB{0}, Error);
}

TEST_CASE("EmaCB: validation sees the average of the weights, training the weights") {
  set_seed(2);
  Points data;
  const auto model = nn::mlp(3, 4, 2);
  EmaCB ema(0.5);
  std::vector<double> average = weights(*model), own;
  int steps = 0, validations = 0;
  OnEvent watch([&](const std::string& event, Learner& learn) {
    if (event == "after_step") {
      own = weights(*model);
      const double t = ++steps, d = std::min(0.5, (1 + t) / (10 + t));
      for (std::size_t i = 0; i < own.size(); ++i) average[i] = d * average[i] + (1 - d) * own[i];
    }
    if (event == "after_predict" && !learn.training) {
      ++validations;
      CHECK(furthest(weights(*model), average) <= 1e-6);
      CHECK(furthest(weights(*model), own) > 1e-4);
    }
    if (event == "before_batch" && learn.training && steps > 0) CHECK(weights(*model) == own);
  });
  TrainLearner learn(*model, data.dls, nn::CrossEntropyLoss(), {.lr = 0.5, .cbs = {&ema, &watch}});
  learn.fit(2);
  CHECK(validations == 4);
  CHECK(weights(*model) == own);
  ema.keep();
  CHECK(furthest(weights(*model), average) <= 1e-6);
}

TEST_CASE("EmaCB: gives the weights back however validation ends, and knows no step as well") {
  set_seed(2);
  Points data;
  const auto model = nn::mlp(3, 4, 2);
  EmaCB ema(0.9);
  TrainLearner learn(*model, data.dls, nn::CrossEntropyLoss(), {.lr = 0.5, .cbs = {&ema}});
  for (const bool throws : {false, true}) {
    std::vector<double> own;
    OnEvent stop([&](const std::string& event, Learner& l) {
      if (event == "after_step") own = weights(*model);
      if (event != "after_predict" || l.training) return;
      if (throws) throw std::runtime_error("!");
      throw CancelFit();
    });
    try {
      learn.fit(1, {.cbs = {&stop}});
    } catch (const std::runtime_error&) {
    }
    CHECK(weights(*model) == own);
  }
  const std::vector<double> before = weights(*model);
  learn.fit(1, {.train = false});
  CHECK(weights(*model) == before);
  ema.keep();
  CHECK(weights(*model) == before);
  for (const double bad : {-0.1, 1.0}) CHECK_THROWS_AS(EmaCB{bad}, Error);
}

TEST_CASE("EmaCB: running statistics are averaged, counters are not") {
  set_seed(2);
  Points data;
  nn::Sequential model(nn::make<nn::BatchNorm1d>(3), nn::make<nn::Linear>(3, 2));
  EmaCB ema(0.5);
  std::vector<double> average{0, 0, 0};
  int steps = 0;
  const auto buffer = [&](const std::string& name) {
    for (const auto& [path, tensor] : model.named_buffers())
      if (path == "0." + name) return numbers(tensor.value());
    throw std::logic_error(name);
  };
  OnEvent watch([&](const std::string& event, Learner& learn) {
    if (event == "after_step") {
      const double t = ++steps, d = std::min(0.5, (1 + t) / (10 + t));
      const std::vector<double> mean = buffer("running_mean");
      for (std::size_t i = 0; i < 3; ++i) average[i] = d * average[i] + (1 - d) * mean[i];
    }
    if (event != "after_predict" || learn.training) return;
    CHECK(furthest(buffer("running_mean"), average) <= 1e-6);
    CHECK(buffer("num_batches_tracked") == std::vector<double>{static_cast<double>(steps)});
  });
  TrainLearner(model, data.dls, nn::CrossEntropyLoss(), {.cbs = {&ema, &watch}}).fit(1);
  CHECK(steps == 3);
}

TEST_CASE("PlateauCB is PyTorch's ReduceLROnPlateau") {
  const auto rows = reference_cases("plateau", "schedules.json");
  CHECK(rows.size() == 3);
  for (const Json& row : rows) {
    const std::vector<double> expected = row["values"].numbers();
    ScriptedFit fit(row["metric"].numbers());
    PlateauCB plateau(0.5, {.metric = "x",
                            .larger_is_better = row["larger"].number != 0,
                            .threshold = row["threshold"].number,
                            .patience = static_cast<int>(row["patience"].number)});
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

TEST_CASE("EarlyStoppingCB: ends the fit when patience has run out, with every epoch logged") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  struct Case {
    std::vector<double> script;
    int patience, epochs;
    bool larger;
  };
  for (const Case& c :
       {Case{{3, 2, 2, 2, 1, 0}, 1, 4, false},  // two in a row that are not better
        Case{{3, 2, 2, 1, 1, 0}, 1, 6, false}, Case{{1, 2, 1, 3, 3, 4}, 0, 3, true},
        Case{{nan, nan, 5, nan, 4, 3}, 1, 2, false}, Case{{nan, 5, nan, 4, 3, 2}, 1, 6, false},
        Case{{1, 1, 1, 1, 1, 1}, 9, 6, false}}) {
    ScriptedFit fit(c.script);
    EarlyStoppingCB stopping({.metric = "x", .larger_is_better = c.larger, .patience = c.patience});
    fit.learn.add(stopping);
    for (int again = 0; again < 2; ++again) {
      fit.scripted->resets = 0;
      fit.learn.fit(6);
      CHECK(fit.metrics.history().size() == static_cast<std::size_t>(2 * c.epochs));
      CHECK(stopping.stopped() == (c.epochs < 6));
    }
  }
}

TEST_CASE("what is watched must be there, and settings must make sense") {
  Points data;
  nn::Linear model(3, 2);
  TrainLearner learn(model, data.dls, nn::CrossEntropyLoss());
  EarlyStoppingCB stopping;
  CHECK_THROWS_WITH_AS(learn.fit(1, {.cbs = {&stopping}}),
                       "[watch] a MetricsCB and validation expected: its loss is to be followed",
                       Error);
  ScriptedFit fit({1, 2, 3});
  CHECK_THROWS_AS(fit.learn.fit(1, {.valid = false, .cbs = {&stopping}}), Error);
  EarlyStoppingCB other({.metric = "nothing"});
  CHECK_THROWS_WITH_AS(fit.learn.fit(1, {.cbs = {&other}}),
                       "[metrics] there is no 'nothing' in the row", Error);
  CHECK_THROWS_AS(PlateauCB{0.0}, Error);
  CHECK_THROWS_AS(PlateauCB{1.0}, Error);
  CHECK_THROWS_AS(Watch({.threshold = -1}), Error);
  CHECK_THROWS_AS(Watch({.patience = -1}), Error);
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
