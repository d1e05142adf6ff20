#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "nn/optim.h"
#include "tests/support/errors.h"
#include "tests/support/nn_fixtures.h"
#include "tests/support/nn_support.h"
#include "tests/support/plain.h"

using namespace kindling;
using namespace kindling::test;

namespace {

constexpr double kReferenceTolerance = sizeof(Scalar) == 8 ? 1e-10 : 2e-4;

std::unique_ptr<nn::Optimizer> optimizer(const Json& row, const Tensor& w) {
  const auto setting = [&](const char* name, double otherwise) {
    return row.members.contains(name) ? row[name].number : otherwise;
  };
  const double lr = row["lr"].number;
  if (row["optimizer"].text == "sgd")
    return std::make_unique<nn::SGD>(
        std::vector{w}, lr,
        nn::SGDOptions{setting("momentum", 0), setting("weight_decay", 0),
                       row.members.contains("nesterov")});
  if (row["optimizer"].text == "rmsprop")
    return std::make_unique<nn::RMSprop>(
        std::vector{w}, lr,
        nn::RMSpropOptions{setting("alpha", 0.99), setting("eps", 1e-8), setting("momentum", 0),
                           setting("weight_decay", 0)});
  nn::AdamOptions options{.eps = setting("eps", 1e-8), .weight_decay = setting("weight_decay", 0)};
  if (row.members.contains("betas")) {
    options.beta1 = row["betas"].items[0].number;
    options.beta2 = row["betas"].items[1].number;
  }
  if (row["optimizer"].text == "adam")
    return std::make_unique<nn::Adam>(std::vector{w}, lr, options);
  return std::make_unique<nn::AdamW>(std::vector{w}, lr, options);
}

/// The optimizer of a row, going down the loss sum(curvature / 2 (w - center)^2).
struct Descent {
  Tensor curvature, center, w;
  std::unique_ptr<nn::Optimizer> opt;
  explicit Descent(const Json& row)
      : curvature(to_array(row["curvature"].plain())),
        center(to_array(row["center"].plain())),
        w(to_array(row["initial"].plain()), true),
        opt(optimizer(row, w)) {}
  void step() const {
    opt->zero_grad();
    sum(curvature / 2 * (w - center) * (w - center)).backward();
    opt->step();
  }
};

}  // namespace

TEST_CASE("1000 steps of every optimizer are PyTorch's") {
  for (const Json& row : reference_cases("optimizers", "layers.json")) {
    CAPTURE(row["optimizer"].text);
    Descent down(row);
    const Plain after = row["after"].plain();
    REQUIRE(after.shape == Shape{10, 5});
    for (Index step = 0; step < 1000; ++step) {
      down.step();
      if (step % 100 != 99) continue;
      for (Index i = 0; i < 5; ++i)
        CHECK(std::abs(down.w.value()[i] - after.at({step / 100, i})) <= kReferenceTolerance);
    }
  }
}

TEST_CASE("steps of every optimizer are PyTorch's when rate and momentum change at each") {
  for (const Json& row : reference_cases("moving", "layers.json")) {
    CAPTURE(row["optimizer"].text);
    Descent down(row);
    const Plain after = row["after"].plain();
    const std::vector<double> rates = row["lrs"].numbers(), momenta = row["momenta"].numbers();
    REQUIRE(after.shape == Shape{40, 5});
    for (Index step = 0; step < 40; ++step) {
      down.opt->set_lr(rates.at(static_cast<std::size_t>(step)));
      down.opt->set_momentum(momenta.at(static_cast<std::size_t>(step)));
      down.step();
      for (Index i = 0; i < 5; ++i)
        CHECK(std::abs(down.w.value()[i] - after.at({step, i})) <= kReferenceTolerance);
    }
  }
}

TEST_CASE("AdamW starts from PyTorch's settings") {
  const Tensor w(Array({2}, {2, -3}), true), other(Array({2}, {2, -3}), true);
  nn::AdamW plain({w}), spelled({other}, 1e-3, {0.9, 0.999, 1e-8, 1e-2});
  for (nn::AdamW* opt : {&plain, &spelled}) {
    opt->parameters()[0].node()->grad = Array({2}, {1, -5});
    opt->step();
  }
  CHECK(same_bits(w.value(), other.value()));
  // The first step of Adam is lr in the direction of the gradient, whatever its size.
  CHECK(w.value()[0] == doctest::Approx(2 * (1 - 1e-5) - 1e-3));
  CHECK(w.value()[1] == doctest::Approx(-3 * (1 - 1e-5) + 1e-3));
}

TEST_CASE("Adam leaves gradients alone, and parameters that have none") {
  Tensor a(Array({2}, {1, 2}), true), b(Array({1}, {5}), true);
  nn::AdamW opt({a, b}, 0.1, {.weight_decay = 0.5});
  a.set_grad(Array({2}, {3, 4}));
  const Array held = a.grad(), before = a.value();
  opt.step();
  CHECK(same_bits(held, Array({2}, {3, 4})));
  CHECK(same_bits(a.grad(), held));
  CHECK(same_bits(before, Array({2}, {1, 2})));
  CHECK(b.item() == 5);
  // A parameter that joins later starts with a first step of its own.
  a.zero_grad();
  b.set_grad(Array({1}, {-7}));
  opt.step();
  CHECK(b.item() == doctest::Approx(5 * 0.95 + 0.1));
}

TEST_CASE("a step gives the same bits for any number of threads") {
  const ThreadsGuard guard;
  std::vector<std::vector<Array>> results;
  for (const int threads : {1, 2, 3, 8}) {
    set_threads(threads);
    Random random(5);
    std::vector<Tensor> parameters;
    for (const Index n : {1, 7, 40000, 8192, 300})
      parameters.emplace_back(random.normal({n}), true);
    nn::AdamW adam(parameters);
    nn::SGD sgd(parameters, 0.1, {.momentum = 0.9});
    for (int step = 0; step < 3; ++step) {
      for (Tensor& w : parameters) w.set_grad(random.normal(w.shape()));
      adam.step();
      sgd.step();
    }
    std::vector<Array> values;
    for (const Tensor& w : parameters) values.push_back(w.value());
    results.push_back(values);
  }
  for (std::size_t i = 1; i < results.size(); ++i)
    for (std::size_t k = 0; k < results[0].size(); ++k)
      CHECK(same_bits(results[i][k], results[0][k]));
}

TEST_CASE("Adam refuses settings that make no sense") {
  CHECK(message_of([] { nn::Adam({}, 1e-3, {.beta1 = 1}); }) ==
        "[optimizer] beta1 1: in [0, 1) expected");
  CHECK(message_of([] { nn::Adam({}, 1e-3, {.beta2 = -0.5}); }) ==
        "[optimizer] beta2 -0.5: in [0, 1) expected");
  CHECK_THROWS_AS(nn::Adam({}, 1e-3, {.eps = -1}), Error);
  CHECK_THROWS_AS(nn::AdamW({}, 1e-3, {.weight_decay = -1}), Error);
  CHECK_THROWS_AS(nn::AdamW({}, std::numeric_limits<double>::quiet_NaN()), Error);
  nn::AdamW opt({});
  CHECK_THROWS_AS(opt.set_momentum(2), Error);
  opt.set_momentum(0.85);
  CHECK(opt.beta1() == 0.85);
}
