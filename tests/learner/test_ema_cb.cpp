// Averaged weights: what validation sees, and what training gets back.

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "engine/ops/elementwise.h"
#include "engine/tape.h"
#include "learner/callbacks/ema_cb.h"
#include "learner/files/state_archive.h"
#include "learner/files/state_dict.h"
#include "learner/predictions.h"
#include "nn/layers.h"
#include "nn/loss.h"
#include "nn/models.h"
#include "nn/norm.h"
#include "tests/learner/fits.h"
#include "tests/learner/numbers.h"
#include "tests/support/errors.h"

using namespace kindling;
using namespace kindling::test;

namespace {

std::unique_ptr<nn::Module> drawn(std::uint64_t seed) {
  set_seed(seed);
  return nn::mlp(3, 4, 2);
}

/// A model that was trained for an epoch, with its average, and another with other weights.
struct Averaged {
  Points data;
  std::unique_ptr<nn::Module> other = drawn(3), model = drawn(2);
  EmaCB ema{0.5};
  TrainLearner learn{*model, data.dls, nn::CrossEntropyLoss(), {.lr = 0.5, .cbs = {&ema}}};
  Averaged() { learn.fit(1); }
};

}  // namespace

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
  EmaCB new_one(0.9);
  TrainLearner(*model, data.dls, nn::CrossEntropyLoss(), {.cbs = {&new_one}})
      .fit(1, {.train = false});
  CHECK(weights(*model) == before);
  new_one.keep();
  CHECK(weights(*model) == before);
  for (const double bad : {-0.1, 1.0, 1 - 1e-9}) CHECK_THROWS_AS(EmaCB{bad}, Error);
}

TEST_CASE(
    "EmaCB: a rehearsal judges the average of the latest fit, and other weights as they are") {
  Averaged fit;
  const auto scores = [&](nn::Module& of) {
    const NoGrad no_grad;
    return numbers(
        of(fit.data.valid.batch(std::vector<Index>{0, 1, 2, 3, 4, 5, 6, 7}).xs[0]).value());
  };
  const std::vector<double> own = scores(*fit.model);
  for (int again = 0; again < 2; ++again) {
    const std::vector<double> judged = numbers(capture_preds(fit.learn).scores);
    CHECK(furthest(judged, own) > 1e-4);
    CHECK(scores(*fit.model) == own);
  }
  const std::vector<double> averaged = numbers(capture_preds(fit.learn).scores);
  load_state_dict(*fit.model, state_dict(*fit.other));
  CHECK(furthest(numbers(capture_preds(fit.learn).scores), scores(*fit.other)) <= 1e-6);
  CHECK(furthest(scores(*fit.model), scores(*fit.other)) == 0);
  fit.ema.keep();
  CHECK(furthest(scores(*fit.model), averaged) <= 1e-6);
}

TEST_CASE("EmaCB: a fit that does not train judges the average of the latest one, which it keeps") {
  for (const bool changed : {false, true}) {
    set_seed(2);
    Points data;
    const auto model = nn::mlp(3, 4, 2), other = nn::mlp(3, 4, 2);
    EmaCB ema(0.5);
    std::vector<double> judged;  // weights, in the latest pass of validation
    OnEvent watch([&](const std::string& event, Learner& learn) {
      if (event == "after_predict" && !learn.training) judged = weights(*model);
    });
    TrainLearner learn(*model, data.dls, nn::CrossEntropyLoss(),
                       {.lr = 0.5, .cbs = {&ema, &watch}});
    learn.fit(1);
    const std::vector<double> average = judged, own = weights(*model);
    REQUIRE(furthest(average, own) > 1e-4);
    if (changed) load_state_dict(*model, state_dict(*other));
    const std::vector<double> now = weights(*model), expected = changed ? now : average;
    for (const int epochs : {1, 2, 0}) {
      learn.fit(epochs, {.train = false});
      CHECK(judged == expected);
      CHECK(weights(*model) == now);
    }
    learn.fit(0);  // which has no time to train either
    ema.keep();
    CHECK(weights(*model) == expected);
    learn.fit(1, {.train = false});
    CHECK(judged == expected);
    ema.keep();
    CHECK(weights(*model) == expected);
  }
}

TEST_CASE("EmaCB: a fit that could not begin does not take other weights for the latest fit's") {
  Averaged fit;
  load_state_dict(*fit.model, state_dict(*fit.other));
  OnEvent fails(
      [](const std::string& event, Learner&) {
        if (event == "before_fit") throw std::runtime_error("!");
      },
      callback_order::kAverage - 1);
  CHECK_THROWS_WITH(fit.learn.fit(1, {.cbs = {&fails}}), "!");
  const Array scores = capture_preds(fit.learn).scores;
  const NoGrad no_grad;
  const Batch all = fit.data.valid.batch(std::vector<Index>{0, 1, 2, 3, 4, 5, 6, 7});
  CHECK(furthest(numbers(scores), numbers((*fit.other)(all.xs[0]).value())) <= 1e-6);
}

namespace {

/// scale (x W + b), scale being a parameter without an axis.
struct Scaled : nn::Module {
  nn::Linear& linear = child<nn::Linear>("linear", 3, 2);
  Tensor scale = parameter("scale", Array::scalar(2));
  std::string type() const override { return "Scaled"; }

 protected:
  Tensor forward(const Tensor& x) override { return linear(x) * scale; }
};

}  // namespace

TEST_CASE("EmaCB: a parameter without an axis is averaged like any other") {
  set_seed(2);
  Points data;
  Scaled model;
  EmaCB ema(0.5);
  double average = 2;
  int steps = 0;
  OnEvent watch([&](const std::string& event, Learner& learn) {
    if (event == "after_step") {
      const double t = ++steps, d = std::min(0.5, (1 + t) / (10 + t));
      average = d * average + (1 - d) * double{model.scale.item()};
    }
    if (event == "before_batch" && !learn.training)
      CHECK(double{model.scale.item()} == doctest::Approx(average).epsilon(1e-6).scale(0));
  });
  TrainLearner learn(model, data.dls, nn::CrossEntropyLoss(), {.lr = 0.5, .cbs = {&ema, &watch}});
  learn.fit(1);
  CHECK(steps == 3);
  CHECK(std::abs(model.scale.item() - average) > 1e-4);
}

TEST_CASE("EmaCB: weights that do not move are their own average, however many steps") {
  // With a factor that is rounded on its own, the sum of both is 1 + 9e-9, and 1000 steps add up.
  Points data(200, 4, 1);
  nn::Linear model(3, 2);
  for (Tensor parameter : model.parameters()) parameter.set_value(Array(parameter.shape(), 0.7f));
  EmaCB ema(0.99);
  TrainLearner learn(model, data.dls, nn::CrossEntropyLoss(), {.lr = 0, .cbs = {&ema}});
  learn.fit(5);
  const std::vector<double> own = weights(model);
  ema.keep();
  CHECK(furthest(weights(model), own) <= 1.2e-7);  // two units in the last place
}

TEST_CASE("EmaCB: a state of which a part does not fit changes nothing") {
  Averaged fit;
  const std::vector<double> own = weights(*fit.model);
  StateWriter writer;
  fit.ema.state(writer);
  NamedArrays state = writer.state();
  std::vector<double> average;  // as it is written, array by array
  for (const auto& [name, array] : state.arrays)
    for (const double value : numbers(array)) average.push_back(value);
  for (auto& [name, array] : state.arrays) {
    if (name == "weight.0") array = Array(array.shape(), 9);
    if (name == "weight.3") array = Array(Shape{7}, 9);
  }
  CHECK(contains(message_of([&] {
                   StateReader reader(state, "a file");
                   fit.ema.state(reader);
                 }),
                 "weight.3"));
  CHECK(weights(*fit.model) == own);
  fit.ema.keep();
  CHECK(weights(*fit.model) == average);
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

TEST_CASE("EmaCB: a model has its own running statistics back, however the fit ends") {
  for (const std::string ending : {"well", "cancelled", "thrown out"}) {
    CAPTURE(ending);
    set_seed(2);
    Points data;
    nn::Sequential model(nn::make<nn::BatchNorm1d>(3), nn::make<nn::Linear>(3, 2));
    EmaCB ema(0.5);
    std::vector<double> own, shown;
    const auto statistics = [&] {
      std::vector<double> all;
      for (const auto& [path, tensor] : model.named_buffers())
        for (const double value : numbers(tensor.value())) all.push_back(value);
      return all;
    };
    OnEvent watch(
        [&](const std::string& event, Learner& learn) {
          if (event == "after_step") own = statistics();
          if (event != "after_predict" || learn.training) return;
          shown = statistics();
          if (ending == "cancelled") throw CancelFit();
          if (ending == "thrown out") throw std::runtime_error("!");
        },
        -100);  // before the average has the step
    TrainLearner learn(model, data.dls, nn::CrossEntropyLoss(), {.cbs = {&ema, &watch}});
    if (ending == "thrown out")
      CHECK_THROWS_WITH(learn.fit(1), "!");
    else
      learn.fit(1);
    CHECK(furthest(shown, own) > 1e-4);
    CHECK(statistics() == own);
  }
}

TEST_CASE("EmaCB: one in a fit") {
  Points data;
  nn::Linear model(3, 2);
  EmaCB one, two;
  TrainLearner learn(model, data.dls, nn::CrossEntropyLoss(), {.cbs = {&one, &two}});
  CHECK_THROWS_WITH_AS(learn.fit(1),
                       "[ema] another callback averages the weights already: one expected", Error);
}
