#include "nn/optim.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <limits>
#include <memory>
#include <string>
#include <variant>

#include "engine/archive.h"
#include "engine/engine.h"
#include "nn/models.h"
#include "tests/support/errors.h"
#include "tests/support/nn_fixtures.h"
#include "tests/support/plain.h"

using namespace kindling;
using namespace kindling::test;

namespace {

constexpr double kTolerance = sizeof(Scalar) == 8 ? 1e-13 : 1e-5;
constexpr double kReferenceTolerance = sizeof(Scalar) == 8 ? 1e-12 : 2e-5;

Tensor parameter(std::initializer_list<Scalar> values) {
  return Tensor(Array(Shape{static_cast<Index>(values.size())}, values), true);
}

Array values(std::initializer_list<Scalar> numbers) {
  return Array(Shape{static_cast<Index>(numbers.size())}, numbers);
}

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

/// A file whose arrays are all of another shape, and whose numbers are what they should be.
class WrongArrays : public Archive {
 public:
  bool loading() const override { return true; }
  void expect(bool ok, const std::string& name, const std::string&) const override {
    if (!ok) throw Error(name);
  }

 private:
  void visit(const std::string&, Variable variable) override {
    if (auto* const* array = std::get_if<Array*>(&variable)) **array = Array({2}, Scalar{1});
  }
};

}  // namespace

TEST_CASE("SGD goes PyTorch's way, with and without momentum and weight decay") {
  for (const Json& row : reference_cases("sgd")) {
    const Tensor curvature(to_array(row["curvature"].plain()));
    const Tensor center(to_array(row["center"].plain()));
    const Tensor w(to_array(row["initial"].plain()), true);
    nn::SGD sgd({w}, row["lr"].number,
                {.momentum = row["momentum"].number, .weight_decay = row["weight_decay"].number});
    CAPTURE(row["momentum"].number);
    CAPTURE(row["weight_decay"].number);
    const Plain after = row["after_step"].plain();
    const Plain losses = row["losses"].plain();
    REQUIRE(after.shape == Shape{20, 4});
    for (Index step = 0; step < 20; ++step) {
      const Tensor loss = sum(curvature / 2 * (w - center) * (w - center));
      CHECK(std::abs(loss.item() - losses[step]) <= kReferenceTolerance);
      sgd.zero_grad();
      loss.backward();
      sgd.step();
      for (Index i = 0; i < 4; ++i)
        CHECK(std::abs(w.value()[i] - after.at({step, i})) <= kReferenceTolerance);
    }
  }
}

TEST_CASE("SGD follows its recurrence: g = grad + d w, v = m v + g, w = w - lr v") {
  const double lr = 0.05, m = 0.8, d = 0.1;
  Tensor w = parameter({1, -2});
  nn::SGD sgd({w}, lr, {.momentum = m, .weight_decay = d});
  double expected[] = {1, -2}, v[] = {0, 0};
  for (int step = 0; step < 10; ++step) {
    const double gradient[] = {0.5 * step - 1, 0.25 * step};
    w.set_grad(values({static_cast<Scalar>(gradient[0]), static_cast<Scalar>(gradient[1])}));
    sgd.step();
    for (int i : {0, 1}) {
      v[i] = m * v[i] + (gradient[i] + d * expected[i]);
      expected[i] -= lr * v[i];
    }
    CHECK(difference(w.value(), {{2}, {expected[0], expected[1]}}, kTolerance) == "");
  }
}

TEST_CASE("a step leaves the gradient as it was, also with momentum and weight decay") {
  for (const nn::SGDOptions& options :
       {nn::SGDOptions{}, {.momentum = 0.5}, {.weight_decay = 0.5}, {0.5, 0.5}}) {
    Tensor w = parameter({1, 2});
    nn::SGD sgd({w}, 0.25, options);
    w.set_grad(values({4, 8}));
    const Array held = w.grad();
    for (int step = 0; step < 3; ++step) sgd.step();
    CHECK(same_bits(w.grad(), values({4, 8})));
    CHECK(same_bits(held, values({4, 8})));
  }
}

TEST_CASE("gradients that are not cleared add up, and so does what a step makes of them") {
  Tensor w = parameter({0});
  nn::SGD sgd({w}, 0.5, {.momentum = 0.5});
  sum(w * Scalar{2}).backward();
  sgd.step();  // g = 2, v = 2
  CHECK(w.value()[0] == -1);
  sum(w * Scalar{2}).backward();
  sgd.step();  // g = 4, v = 5
  CHECK(w.grad()[0] == 4);
  CHECK(w.value()[0] == -3.5);
}

TEST_CASE("parameters without a gradient stay, and so does their velocity") {
  Tensor a = parameter({1}), b = parameter({1});
  nn::SGD sgd({a, b}, 0.5, {.momentum = 0.5, .weight_decay = 1});
  a.set_grad(values({1}));
  b.set_grad(values({1}));
  sgd.step();  // g = 2, v = 2
  CHECK(a.value()[0] == 0);
  CHECK(b.value()[0] == 0);
  b.zero_grad();
  sgd.step();  // a: g = 1, v = 2
  CHECK(a.value()[0] == -1);
  CHECK(b.value()[0] == 0);
  b.set_grad(values({3}));
  sgd.step();  // b: g = 3, v = 4
  CHECK(b.value()[0] == -2);
}

TEST_CASE("an optimizer without parameters or at a rate of 0 changes nothing") {
  CHECK_NOTHROW(nn::SGD({}, 0.1).step());
  Tensor w = parameter({1, 2});
  w.set_grad(values({3, 4}));
  nn::SGD({w}, 0).step();
  CHECK(same_bits(w.value(), values({1, 2})));
}

TEST_CASE("the rate may change between steps") {
  Tensor w = parameter({0});
  nn::SGD sgd({w}, 1);
  CHECK(sgd.lr() == 1);
  w.set_grad(values({1}));
  sgd.step();
  sgd.set_lr(0.25);
  CHECK(sgd.lr() == 0.25);
  sgd.step();
  CHECK(w.value()[0] == -1.25);
}

TEST_CASE("a rate, momentum or weight decay that is negative or no number is refused") {
  const auto expected = [](const std::string& setting) {
    return "[optimizer] " + setting + ": a finite number of at least 0 expected";
  };
  CHECK(message_of([] { nn::SGD({}, -0.5); }) == expected("lr -0.5"));
  CHECK(message_of([] { nn::SGD({}, kNaN); }) == expected("lr nan"));
  CHECK(message_of([] { nn::SGD({}, kInfinity); }) == expected("lr inf"));
  CHECK(message_of([] { nn::SGD({}, 1, {.momentum = -1}); }) == expected("momentum -1"));
  CHECK(message_of([] { nn::SGD({}, 1, {.momentum = kNaN}); }) == expected("momentum nan"));
  CHECK(message_of([] { nn::SGD({}, 1, {.weight_decay = -2}); }) == expected("weight_decay -2"));
  CHECK(message_of([] { nn::SGD({}, 1, {.weight_decay = kInfinity}); }) ==
        expected("weight_decay inf"));
  nn::SGD sgd({}, 0.5);
  CHECK(message_of([&] { sgd.set_lr(-1); }) == expected("lr -1"));
  CHECK(message_of([&] { sgd.set_lr(kNaN); }) == expected("lr nan"));
  CHECK(sgd.lr() == 0.5);
}

TEST_CASE("a parameter given twice is refused") {
  const Tensor a(Array({2}, Scalar{1}), true), b(Array({3}, Scalar{1}), true);
  CHECK_EQ(message_of<Error>([&] {
             nn::SGD({a, b, a}, 0.1);
           }),
           "[optimizer] parameters 0 and 2 (2) are the same tensor");
  Tensor frozen = b;  // which may want a gradient later
  frozen.set_requires_grad(false);
  CHECK_EQ(message_of<Error>([&] {
             nn::SGD({a, b, frozen}, 0.1);
           }),
           "[optimizer] parameters 1 and 2 (3) are the same tensor");
  CHECK_THROWS_AS(nn::SGD({a, Tensor()}, 0.1), Error);
}

TEST_CASE("zero_grad takes away the gradients of its parameters and of no others") {
  Tensor mine = parameter({1}), other = parameter({1});
  nn::SGD sgd({mine}, 0.1);
  sum(mine * other).backward();
  sgd.zero_grad();
  CHECK_FALSE(mine.grad().defined());
  CHECK(other.grad().defined());
  CHECK_NOTHROW(sgd.zero_grad());
}

TEST_CASE("a graph that is kept still computes with the weights it was built from") {
  Tensor w = parameter({3, 5}), x = parameter({1, 1});
  nn::SGD sgd({w}, 1);
  const Tensor loss = sum(w * x * x);
  loss.backward(true);  // dw = x^2 = 1, dx = 2 w x
  CHECK(same_bits(x.grad(), values({6, 10})));
  const Array before = w.value();
  sgd.step();
  CHECK(same_bits(w.value(), values({2, 4})));
  CHECK(same_bits(before, values({3, 5})));
  x.zero_grad();
  loss.backward();
  CHECK(same_bits(x.grad(), values({6, 10})));
  CHECK(same_bits(sum(w * x).value(), Array::scalar(6)));  // a new graph sees the new ones
}

TEST_CASE("the optimizer moves the model's own weights, and the loss falls") {
  set_seed(3);
  const auto model = nn::mlp(6, 8, 3);
  nn::SGD sgd(model->parameters(), 0.5, {.momentum = 0.5});
  CHECK(sgd.parameters().size() == 4);
  const Tensor x(Random(1).uniform({12, 6}, -1, 1));
  IntArray labels(Shape{12});
  for (Index i = 0; i < 12; ++i) labels.data()[i] = static_cast<std::int32_t>(i % 3);
  const auto loss = [&] { return cross_entropy((*model)(x), labels); };
  const Scalar first = loss().item();
  for (int step = 0; step < 60; ++step) {
    sgd.zero_grad();
    loss().backward();
    sgd.step();
  }
  CHECK(loss().item() < first / 4);
}

#ifndef KINDLING_SANITIZE  // the pool gives every block back at once there
TEST_CASE("a training step asks the system for no memory once it is warm") {
  const auto model = nn::mlp(64, 64, 10);
  nn::SGD sgd(model->parameters(), 0.1, {.momentum = 0.9, .weight_decay = 0.01});
  const Tensor x(Random(1).uniform({32, 64}));
  const IntArray labels(Shape{32}, 1);
  const auto step = [&] {
    sgd.zero_grad();
    cross_entropy((*model)(x), labels).backward();
    sgd.step();
  };
  for (int i = 0; i < 3; ++i) step();
  const auto warm = pool_stats().system_allocs;
  for (int i = 0; i < 5; ++i) step();
  CHECK(pool_stats().system_allocs == warm);
}
#endif

TEST_CASE("a state that was refused leaves no trace in the optimizer") {
  const auto check = [](const auto& make) {
    Array ends[2];
    for (const bool refused : {false, true}) {
      const Tensor w(Random(1).normal({1000}), true);
      const std::unique_ptr<nn::Optimizer> opt = make(nn::Parameters{w});
      for (int step = 0; step < 2; ++step) {
        sum(w * w).backward();
        WrongArrays wrong;
        if (refused) CHECK_THROWS_AS(opt->state(wrong), Error);
        opt->step();
        opt->zero_grad();
      }
      ends[refused] = w.value();
    }
    CHECK(std::ranges::equal(ends[0].values(), ends[1].values()));
  };
  check([](nn::Parameters p) {
    return std::make_unique<nn::SGD>(p, 0.1, nn::SGDOptions{.momentum = 0.9});
  });
  check([](nn::Parameters p) { return std::make_unique<nn::RMSprop>(p, 0.1); });
  check([](nn::Parameters p) { return std::make_unique<nn::Adam>(p, 0.1); });
  check([](nn::Parameters p) { return std::make_unique<nn::AdamW>(p, 0.1); });
}
