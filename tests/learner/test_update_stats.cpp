#include "learner/callbacks/update_stats.h"

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "learner/callbacks/gradients.h"
#include "nn/layers.h"
#include "nn/loss.h"
#include "tests/learner/fits.h"
#include "tests/learner/numbers.h"

using namespace kindling;
using namespace kindling::test;

TEST_CASE("UpdateStats: norms of gradients and of steps, of every weight and every step") {
  set_seed(1);
  Points data;
  nn::Sequential model{nn::make<nn::Linear>(3, 4), nn::make<nn::ReLU>(),
                       nn::make<nn::Linear>(4, 2)};
  UpdateStats stats;
  std::vector<std::vector<double>> gradients(2), before(2), ratios(2);
  const auto weight = [&](std::size_t i) { return numbers(model.parameters()[2 * i].value()); };
  OnEvent watch([&](const std::string& event, Learner& learn) {
    for (std::size_t i = 0; i < 2; ++i) {
      if (event == "before_batch") before[i] = weight(i);
      if (event == "after_backward")
        gradients[i].push_back(norm(numbers(learn.opt->parameters()[2 * i].grad())));
      if (event == "after_step") {
        std::vector<double> change = weight(i);
        for (std::size_t k = 0; k < change.size(); ++k) change[k] -= before[i][k];
        ratios[i].push_back(norm(change) / norm(before[i]));
      }
    }
  });
  TrainLearner learn(model, data.dls, nn::CrossEntropyLoss(), {.cbs = {&stats, &watch}});
  learn.fit(2);
  REQUIRE(stats.series().size() == 2);  // biases are no weights
  CHECK(stats.series()[0].name == "0.weight");
  CHECK(stats.series()[1].name == "2.weight");
  for (std::size_t i = 0; i < 2; ++i) {
    REQUIRE(stats.series()[i].ratios.size() == 6);
    CHECK(furthest(stats.series()[i].gradients, gradients[i]) < 1e-6);
    CHECK(furthest(stats.series()[i].ratios, ratios[i]) < 1e-6);
    CHECK(stats.series()[i].ratios[0] > 0);
  }
  learn.fit(1);
  CHECK(stats.series()[0].ratios.size() == 3);
}

TEST_CASE("UpdateStats: a step that is cancelled is none") {
  set_seed(1);
  Points data;
  nn::Linear model(3, 2);
  UpdateStats stats;
  GradientAccumulationCB two(2);
  TrainLearner learn(model, data.dls, nn::CrossEntropyLoss(), {.cbs = {&stats, &two}});
  int steps = 0;
  OnEvent count([&](const std::string& event, Learner&) { steps += event == "after_step"; });
  learn.add(count);
  learn.fit(1);
  CHECK(steps > 0);
  CHECK(static_cast<int>(stats.series()[0].ratios.size()) == steps);
  CHECK(steps < 3);
}

TEST_CASE("UpdateStats: gradients as they are after clipping, in whatever order both were added") {
  for (const bool clip_first : {false, true}) {
    set_seed(1);
    Points data;
    nn::Linear model(3, 2, false);
    UpdateStats stats;
    GradientClipCB clip(0.01);  // far below what they are
    TrainLearner learn(model, data.dls, nn::CrossEntropyLoss(), {.lr = 0.5});
    if (clip_first) learn.add(clip);
    learn.add(stats);
    if (!clip_first) learn.add(clip);
    const double weight = norm(numbers(model.weight.value()));
    learn.fit(1);
    CHECK(clip.norm() > 0.02);
    REQUIRE(stats.series().size() == 1);
    for (const double gradient : stats.series()[0].gradients)
      CHECK(gradient == doctest::Approx(0.01).epsilon(1e-3).scale(0));
    CHECK(stats.series()[0].ratios.front() ==
          doctest::Approx(0.5 * 0.01 / weight).epsilon(1e-3).scale(0));
  }
}
