#include <doctest/doctest.h>

#include <functional>
#include <vector>

#include "engine/engine.h"
#include "engine/storage.h"
#include "tests/support/plain.h"

// What the tape holds, for how long, and what it does not compute.

namespace kindling::test {

namespace {

constexpr int kLong = 1'000'000;

Tensor chain(const Tensor& x, int length) {
  Tensor y = x;
  for (int i = 0; i < length; ++i) y = y + 0;
  return y;
}

/// How far memory in use rises above where it stood while f runs.
template <class F>
std::size_t rise(const F& f) {
  // The pool only remembers its highest mark, so lift the level to it first. Never touched, the
  // ballast costs nothing.
  const PoolStats before = pool_stats();
  const auto missing = static_cast<Index>((before.peak - before.in_use) / sizeof(Scalar) + 1);
  const Array ballast(Shape{missing});
  const std::size_t level = pool_stats().in_use;
  f();
  return pool_stats().peak - level;
}

constexpr std::size_t kBig = 1'000'000 * sizeof(Scalar);
Tensor filled(const Shape& shape, bool requires_grad) {
  return Tensor(Array(shape, Scalar{1}), requires_grad);
}

}  // namespace

TEST_CASE("a chain of a million ops goes forward, backward and away") {
  const Tensor x(Array::scalar(2), true);
  {
    const Tensor y = chain(x, kLong);
    CHECK_EQ(y.item(), 2);
    y.backward();
  }
  CHECK_EQ(x.grad().item(), 1);
}

TEST_CASE("a chain of a million ops goes away without backward") {
  const Tensor x(Array::scalar(2), true);
  { const Tensor y = chain(x, kLong); }
  CHECK_FALSE(x.grad().defined());
}

TEST_CASE("a retained chain of a million ops goes away too") {
  const Tensor x(Array::scalar(2), true);
  {
    const Tensor y = chain(x, kLong);
    y.backward(true);
  }
  CHECK_EQ(x.grad().item(), 1);
}

TEST_CASE("a graph a million nodes wide and doubly linked goes away") {
  const Tensor x(Array::scalar(1), true);
  {
    Tensor y = x * 1;
    for (int i = 0; i < kLong / 4; ++i) y = y * 0.5 + y * 0.5;
    y.backward();
  }
  CHECK_EQ(x.grad().item(), 1);
}

TEST_CASE("a long chain of activations goes forward, backward and away") {
  // Each gradient could wait for the one behind it. None must: computing them would recurse.
  Tensor x(Array({2}, {2, -3}), true);
  const Tensor zero(Array(Shape{2}, Scalar{0}));
  const std::vector<std::function<Tensor(const Tensor&)>> links{
      [](const Tensor& y) { return relu(y); },
      [&](const Tensor& y) { return relu(y + zero); },
      [](const Tensor& y) { return leaky_relu(y, 1); },
  };
  for (std::size_t kind = 0; kind < links.size(); ++kind) {
    CAPTURE(kind);
    const auto linked = [&] {
      Tensor y = x;
      for (int i = 0; i < kLong / 5; ++i) y = links[kind](y);
      return y;
    };
    { const Tensor never_walked = linked(); }
    linked().backward(Array({2}, {5, 7}));
    CHECK_EQ(x.grad()[0], 5);
    CHECK_EQ(x.grad()[1], kind == 2 ? 7 : 0);
    x.zero_grad();
  }
}

TEST_CASE("nothing leaks when a graph goes away") {
  const std::size_t before = pool_stats().in_use;
  {
    const Tensor x = filled({100}, true), w = filled({100}, true);
    const Tensor y = sum(tanh(x * w) + exp(x) / w);
    y.backward();
    const Tensor never_walked = sum(sigmoid(x * w));
  }
  CHECK_EQ(pool_stats().in_use, before);
}

TEST_CASE("a value that no way back needs is gone with its last tensor") {
  const Tensor x = filled({1'000'000}, true);
  const std::size_t before = pool_stats().in_use;
  const Tensor y = chain(x, 10);
  CHECK_LT(pool_stats().in_use - before, 2 * kBig);
  const Tensor z = -(y * 3) - x;  // needs neither y nor the product
  CHECK_LT(pool_stats().in_use - before, 3 * kBig);
}

TEST_CASE("off the tape nothing is kept at all") {
  const Tensor x = filled({1'000'000}, true);
  const std::size_t before = pool_stats().in_use;
  const NoGrad no_grad;
  const Tensor y = tanh(exp(tanh(x * x)));
  CHECK_LT(pool_stats().in_use - before, 2 * kBig);
}

TEST_CASE("buffers are released while backward walks") {
  const Tensor x = filled({1'000'000}, true);
  Tensor y = x;
  for (int i = 0; i < 10; ++i) y = tanh(y);  // keeps ten outputs
  const Tensor loss = sum(y);
  y = Tensor();
  const std::size_t before = pool_stats().in_use;
  const std::size_t highest = rise([&] { loss.backward(); });
  CHECK_LT(highest, 5 * kBig);
  CHECK_LT(pool_stats().in_use, before - 8 * kBig);
}

TEST_CASE("a released graph gives its buffers back even while the loss lives on") {
  const Tensor x = filled({1'000'000}, true);
  const std::size_t before = pool_stats().in_use;
  const Tensor loss = sum(exp(x * x));
  CHECK_GT(pool_stats().in_use - before, kBig / 2);
  loss.backward();
  CHECK_LT(pool_stats().in_use - before, 2 * kBig);  // the gradient
}

TEST_CASE("matmul does not compute the gradient nobody asked for") {
  const Tensor a = filled({250'000, 4}, false), b = filled({4, 1}, true);
  const Tensor tall = sum(matmul(a, b));
  CHECK_LT(rise([&] { tall.backward(); }), kBig);
  const Tensor c = filled({1, 1000}, true), d = filled({1000, 1000}, false);
  const Tensor wide = sum(matmul(c, d));
  CHECK_LT(rise([&] { wide.backward(); }), kBig);
}

TEST_CASE("conv2d does not compute the gradient nobody asked for") {
  const Tensor x = filled({4, 50, 50, 100}, false), w = filled({1, 1, 100, 1}, true);
  const Tensor y = sum(conv2d(x, w));
  CHECK_LT(rise([&] { y.backward(); }), kBig);
  const Tensor small = filled({1, 10, 10, 100}, true), bank = filled({10, 10, 100, 100}, false);
  const Tensor z = sum(conv2d(small, bank));
  CHECK_LT(rise([&] { z.backward(); }), kBig * 3 / 2);  // with the weights packed anew
}

TEST_CASE(
    "the gradients of a convolution have buffers of their own, and the bias keeps no other alive") {
  struct Layer {
    Shape x, w;
    Pair stride, padding;
  };
  // Computed directly, in whole panels of channels and in others; by Winograd's way; as a product.
  for (const Layer& layer :
       {Layer{{3, 9, 8, 16}, {3, 3, 16, 32}, 2, 1}, Layer{{3, 9, 8, 2}, {3, 3, 2, 5}, 2, 1},
        Layer{{4, 8, 8, 16}, {3, 3, 16, 32}, 1, 1}, Layer{{6, 5, 5, 8}, {1, 1, 8, 16}, 1, 0}}) {
    CAPTURE(layer.w);
    const std::size_t before = pool_stats().in_use;
    Array db;
    {
      const Tensor x = filled(layer.x, false), w = filled(layer.w, true),
                   b = filled({layer.w[3]}, true);
      const Tensor y = conv2d(x, w, b, layer.stride, layer.padding);
      y.backward(Array(y.shape(), Scalar{1}));
      CHECK(w.grad().unique());
      CHECK(b.grad().unique());
      CHECK_EQ(b.grad()[0], static_cast<Scalar>(y.size() / layer.w[3]));
      db = b.grad();
    }
    CHECK_LE(pool_stats().in_use - before,
             std::size_t{512});  // 32 numbers, in a block of the pool's
  }
}

#ifndef KINDLING_SANITIZE
TEST_CASE("a step like the last one asks the system for nothing") {
  const Tensor x = filled({8, 8, 8, 3}, false), w = filled({3, 3, 3, 5}, true),
               b = filled({5}, true);
  const auto step = [&] {
    Tensor weight = w, bias = b;
    weight.zero_grad(), bias.zero_grad();
    mean(relu(conv2d(x, w, b, 2, 1))).backward();
  };
  step();
  step();
  const std::size_t before = pool_stats().system_allocs;
  for (int i = 0; i < 5; ++i) step();
  CHECK_EQ(pool_stats().system_allocs, before);
}
#endif

}  // namespace kindling::test
