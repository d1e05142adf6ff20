// Gradients that are clipped, those that were gathered over several batches too.

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "learner/callbacks/gradients.h"
#include "nn/layers.h"
#include "nn/loss.h"
#include "nn/param_groups.h"
#include "tests/learner/fits.h"
#include "tests/learner/numbers.h"
#include "tests/support/errors.h"

using namespace kindling;
using namespace kindling::test;

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// Keeps the gradients of the first batch, behind all that change them, and ends the fit.
OnEvent keeps_gradients(std::vector<double>& kept) {
  return OnEvent(
      [&](const std::string& event, Learner& learn) {
        if (event != "after_backward") return;
        kept = gradients(learn);
        throw CancelFit();
      },
      100);
}

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
  OnEvent look = keeps_gradients(after);
  TrainLearner(model, data.dls, nn::CrossEntropyLoss(), {.cbs = {&enlarge, &clip, &look}}).fit(1);
  CHECK(norm(before) > 1e24);
  CHECK(clip.norm() == doctest::Approx(norm(before)).epsilon(1e-6));
  CHECK(norm(after) == doctest::Approx(2).epsilon(1e-6));
}

TEST_CASE("GradientClipCB: a norm that is not finite does what PyTorch's clip_grad_norm_ does") {
  // Gradients (bad, 1), clipped to 2: each times 2 / (norm + 1e-6), which is no number, or 0.
  const double nan = std::numeric_limits<double>::quiet_NaN();
  struct Case {
    double weight, bias;  // what is in the gradients, beside 1
    double norm, others;  // what comes of the norm, and of the finite gradients
  };
  for (const Case& c : {Case{nan, 1, nan, nan}, Case{kInfinity, 1, kInfinity, 0},
                        Case{-kInfinity, 1, kInfinity, 0}, Case{kInfinity, nan, nan, nan}}) {
    Points data;
    nn::Linear model(3, 2);
    OnEvent spoil(
        [&](const std::string& event, Learner&) {
          if (event != "after_backward") return;
          Array weight(Shape{3, 2}, 1), bias(Shape{2}, 1);
          weight.data()[0] = static_cast<Scalar>(c.weight);
          bias.data()[0] = static_cast<Scalar>(c.bias);
          model.weight.set_grad(weight);
          model.bias.set_grad(bias);
        },
        -100);
    std::vector<double> after;
    GradientClipCB clip(2);
    OnEvent look = keeps_gradients(after);
    TrainLearner(model, data.dls, nn::CrossEntropyLoss(), {.cbs = {&spoil, &clip, &look}}).fit(1);
    const auto same = [](double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); };
    CHECK(same(clip.norm(), c.norm));
    REQUIRE(after.size() == 8);
    CHECK(std::isnan(after[0]));  // also infinity times 0
    CHECK(same(after[1], c.others));
    CHECK(same(after[7], c.others));
  }
}

TEST_CASE("GradientClipCB: the norm is of the gradients that there are") {
  set_seed(1);
  Points data;
  nn::Sequential model(nn::make<nn::Linear>(3, 4), nn::make<nn::Linear>(4, 2));
  nn::freeze(model[0]);
  std::vector<double> of_second;
  GradientClipCB clip(1e-3);
  OnEvent look(
      [&](const std::string& event, Learner&) {
        if (event != "after_backward") return;
        for (const Tensor& parameter : model[1].parameters())
          for (const double g : numbers(parameter.grad())) of_second.push_back(g);
      },
      -100);
  OnEvent stop(
      [&](const std::string& event, Learner& learn) {
        if (event != "after_backward") return;
        CHECK(gradient_norm(learn) == doctest::Approx(1e-3).scale(0).epsilon(2e-3));
        learn.opt->zero_grad();
        CHECK(gradient_norm(learn) == 0);
        clip.after_backward(learn);
        CHECK(clip.norm() == 0);
        throw CancelFit();
      },
      100);
  TrainLearner learn(model, data.dls, nn::CrossEntropyLoss(), {.cbs = {&look, &stop, &clip}});
  OnEvent norm_is(
      [&](const std::string& event, Learner&) {
        if (event == "after_backward")
          CHECK(clip.norm() == doctest::Approx(norm(of_second)).epsilon(1e-6));
      },
      50);
  learn.fit(1, {.cbs = {&norm_is}});
  CHECK(of_second.size() == 10);
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
