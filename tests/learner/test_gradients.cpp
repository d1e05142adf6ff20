// Gradients that are clipped, and gathered over several batches.

#include <doctest/doctest.h>

#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "learner/callbacks/gradients.h"
#include "nn/layers.h"
#include "nn/loss.h"
#include "nn/models.h"
#include "tests/learner/fits.h"
#include "tests/learner/numbers.h"
#include "tests/support/errors.h"

using namespace kindling;
using namespace kindling::test;

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

}  // namespace

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

TEST_CASE("GradientClipCB: gradients whose squares no float can hold") {
  Points data;
  nn::Linear model(3, 2);
  std::vector<double> before, after;
  OnEvent enlarge(
      [&](const std::string& event, Learner& learn) {
        if (event != "after_backward") return;
        learn.opt->scale_grad(1e25);
        before = gradients(learn);
      },
      -100);
  GradientClipCB clip(2);
  OnEvent look(
      [&](const std::string& event, Learner& learn) {
        if (event != "after_backward") return;
        after = gradients(learn);
        throw CancelFit();
      },
      100);
  TrainLearner(model, data.dls, nn::CrossEntropyLoss(), {.cbs = {&enlarge, &clip, &look}}).fit(1);
  CHECK(norm(before) > 1e24);
  CHECK(clip.norm() == doctest::Approx(norm(before)).epsilon(1e-6));
  CHECK(norm(after) == doctest::Approx(2).epsilon(1e-6));
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

TEST_CASE("what was gathered from several batches is clipped, in whatever order they were added") {
  std::vector<double> results[3];
  for (const int way : {0, 1, 2}) {  // one large batch; both, in either order
    set_seed(1);
    Points data(12, 8, way == 0 ? 12 : 4);
    nn::Linear model(3, 2);
    GradientAccumulationCB accumulation(3);
    GradientClipCB clip(0.02);  // far below what it is
    TrainLearner learn(model, data.dls, nn::CrossEntropyLoss(), {.lr = 10});
    if (way == 1) learn.add(accumulation);
    learn.add(clip);
    if (way == 2) learn.add(accumulation);
    const std::vector<double> before = weights(model);
    learn.fit(1);
    results[way] = weights(model);
    for (std::size_t i = 0; i < before.size(); ++i) results[way][i] -= before[i];
    CHECK(norm(results[way]) == doctest::Approx(10 * 0.02).epsilon(1e-3));
  }
  CHECK(furthest(results[0], results[1]) <= 1e-6);
  CHECK(results[1] == results[2]);
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

TEST_CASE(
    "GradientAccumulationCB: an epoch that is cancelled in between leaves the next no gradient") {
  std::vector<double> first[2];  // gradients of the first step of the second epoch
  for (const bool cancelled : {false, true}) {
    Points data(12, 8, 4);
    nn::Linear model(3, 2);
    for (Tensor parameter : model.parameters()) parameter.set_value(Array(parameter.shape(), 0));
    GradientAccumulationCB accumulation(2);
    OnEvent watch(
        [&](const std::string& event, Learner& learn) {
          if (event == "before_batch" && learn.training && learn.epoch == 0 &&
              learn.iter == (cancelled ? 1 : 0))
            throw CancelEpoch();
          if (event == "after_backward" && learn.epoch == 1 && learn.iter == 1)
            first[cancelled] = gradients(learn);
        },
        10);
    TrainLearner learn(model, data.dls, nn::CrossEntropyLoss(), {.cbs = {&watch, &accumulation}});
    learn.fit(2);
  }
  CHECK(first[0].size() == 8);
  CHECK(first[0] == first[1]);
}

TEST_CASE(
    "GradientAccumulationCB: a batch that is skipped gives nothing, and the last one no step") {
  Points data(20, 8, 4);  // five batches, of which one is skipped
  struct Case {
    Index skipped;
    std::vector<Index> steps;
  };
  for (const Case& c : {Case{4, {1, 3}}, Case{1, {2, 4}}, Case{3, {1, 4}}}) {
    nn::Linear model(3, 2);
    std::vector<Index> steps;
    OnEvent watch([&](const std::string& event, Learner& l) {
      if (event == "before_batch" && l.training && l.iter == c.skipped) throw CancelBatch();
      if (event == "after_step") steps.push_back(l.iter);
    });
    GradientAccumulationCB accumulation(2);
    TrainLearner learn(model, data.dls, nn::CrossEntropyLoss(), {.cbs = {&watch, &accumulation}});
    learn.fit(2);
    std::vector<Index> twice = c.steps;
    twice.insert(twice.end(), c.steps.begin(), c.steps.end());
    CHECK(steps == twice);
  }
  // The fourth was gathered when the last is skipped: alone it makes no step.
  nn::Linear model(3, 2);
  std::vector<Index> steps;
  bool clean = true;  // no gradient at the beginning of an epoch
  OnEvent watch([&](const std::string& event, Learner& l) {
    if (event == "before_batch" && l.training && l.iter == 4) throw CancelBatch();
    if (event == "before_batch" && l.training && l.iter == 0)
      for (const Tensor& parameter : l.opt->parameters()) clean &= !parameter.grad().defined();
    if (event == "after_step") steps.push_back(l.iter);
  });
  GradientAccumulationCB accumulation(3);
  TrainLearner learn(model, data.dls, nn::CrossEntropyLoss(), {.cbs = {&watch, &accumulation}});
  learn.fit(2);
  CHECK(steps == std::vector<Index>{2, 2});
  CHECK(clean);
}
