#include <doctest/doctest.h>

#include <functional>
#include <vector>

#include "engine/engine.h"
#include "engine/ops/update.h"
#include "engine/parallel.h"
#include "tests/support/gradcheck.h"
#include "tests/support/plain.h"

// A convolution is computed by the activation behind it, tile by tile. Whether somebody looked at
// the sums before must not be told from any number.

namespace kindling::test {

namespace {

struct Layer {
  Shape x, weight;
  Pair stride, padding;
};
/// Each way a convolution is computed: half a register of channels, pairs, one register, several
/// panels, few images and many, a product, Winograd's.
const std::vector<Layer> kLayers{
    {{3, 9, 8, 1}, {5, 5, 1, 8}, 2, 2},   {{3, 9, 8, 2}, {3, 3, 2, 5}, 1, 1},
    {{90, 9, 9, 3}, {3, 3, 3, 10}, 2, 1}, {{5, 7, 7, 4}, {3, 3, 4, 40}, 2, 1},
    {{70, 7, 7, 4}, {3, 3, 4, 40}, 1, 0}, {{6, 5, 5, 8}, {1, 1, 8, 16}, 1, 0},
    {{4, 8, 8, 16}, {3, 3, 16, 32}, 1, 1}};

using Act = std::function<Tensor(const Tensor&)>;
const std::vector<Act> kActs{[](const Tensor& x) { return relu(x); },
                             [](const Tensor& x) { return leaky_relu(x, 0.1); },
                             [](const Tensor& x) { return general_relu(x, 0.1, 0.4, 1.5); }};

std::vector<Array> some_inputs(const Layer& layer) {
  Random random(23);
  return {random.normal(layer.x), random.normal(layer.weight, 0, 0.4),
          random.normal(Shape{layer.weight[3]})};
}

Tensor conv(const Layer& layer, const Tensors& t) {
  return conv2d(t[0], t[1], t[2], layer.stride, layer.padding);
}

/// act(conv(...)) and every gradient; `look` sees the sums in between.
std::vector<Array> everything(const Layer& layer, const Act& act,
                              const std::function<void(const Tensor&)>& look) {
  const Tensors t = leaves(some_inputs(layer));
  const Tensor sums = conv(layer, t);
  look(sums);
  const Tensor y = act(sums);
  y.backward(Random(17).normal(y.shape()));
  std::vector<Array> result{y.value()};
  for (const Tensor& tensor : t) result.push_back(tensor.grad());
  return result;
}

void check_same(const std::vector<Array>& a, const std::vector<Array>& b) {
  REQUIRE(a.size() == b.size());
  for (std::size_t i = 0; i < a.size(); ++i) CHECK(same_bits(a[i], b[i]));
}

}  // namespace

TEST_CASE("looking at a convolution changes no bit of the activation or of any gradient") {
  for (const Layer& layer : kLayers)
    for (const Act& act : kActs) {
      CAPTURE(layer.x);
      CAPTURE(layer.weight);
      const auto fused = everything(layer, act, [](const Tensor&) {});
      check_same(fused, everything(layer, act, [](const Tensor& y) { y.value(); }));
      check_same(fused, everything(layer, act, [](const Tensor& y) { Tensor(y).retain_grad(); }));
    }
}

TEST_CASE("looking at the gradient between an activation and a convolution changes no bit") {
  const int before = max_threads();
  for (const Layer& layer : kLayers)
    for (const Act& act : kActs) {
      CAPTURE(layer.x);
      CAPTURE(layer.weight);
      const auto run = [&](const std::function<void(const Tensor&)>& look) {
        const Tensors t = leaves(some_inputs(layer));
        const Tensor activated = act(t[0]);
        look(activated);
        const Tensor y = conv2d(activated, t[1], t[2], layer.stride, layer.padding);
        y.backward(Random(17).normal(y.shape()));
        return std::vector<Array>{y.value(), t[0].grad(), t[1].grad(), t[2].grad()};
      };
      const auto fused = run([](const Tensor&) {});
      HookHandle handle;
      Array seen;
      check_same(fused, run([&](const Tensor& x) {
                   handle = x.register_hook([&](const Array& dx) { return seen = dx, Array(); });
                 }));
      CHECK(seen.shape() == layer.x);
      check_same(fused, run([](const Tensor& x) { Tensor(x).retain_grad(); }));
      set_threads(3);
      check_same(fused, run([](const Tensor&) {}));
      set_threads(before);
    }
}

TEST_CASE("an activation used by two convolutions gets the sum of both gradients") {
  for (const Layer& layer : kLayers) {
    const auto run = [&](bool look) {
      const Tensors t = leaves(some_inputs(layer));
      const Tensor x = relu(t[0]);
      const Tensor y = conv(layer, {x, t[1], t[2]}), z = conv(layer, {x, t[1], t[2]});
      std::vector<HookHandle> handles;
      if (look) handles.push_back(x.register_hook([](const Array&) { return Array(); }));
      const Tensor sum = y + z;
      sum.backward(Random(17).normal(sum.shape()));
      return t[0].grad();
    };
    const Array both = run(false);
    CHECK(same_bits(both, run(true)));
    const Tensors t = leaves(some_inputs(layer));
    const Tensor one = conv(layer, {relu(t[0]), t[1], t[2]});
    one.backward(Random(17).normal(one.shape()));
    for (Index i = 0; i < both.size(); ++i) CHECK(both[i] == 2 * t[0].grad()[i]);
  }
}

TEST_CASE("an activated convolution is the activation of the sums") {
  for (const Layer& layer : kLayers) {
    const Tensors t = leaves(some_inputs(layer));
    const Tensor sums = conv(layer, t), y = relu(conv(layer, t));
    REQUIRE(y.shape() == sums.shape());
    Index positive = 0;
    for (Index i = 0; i < y.size(); ++i) {
      const Scalar v = sums.value()[i];
      CHECK(y.value()[i] == (v > 0 ? v : 0));
      positive += v > 0;
    }
    CHECK((positive > 0 && positive < y.size()));
  }
}

TEST_CASE("an activated convolution is the same bits for any number of threads") {
  const int before = max_threads();
  for (const Layer& layer : kLayers) {
    std::vector<Array> reference;
    for (const int threads : {1, 2, 5}) {
      set_threads(threads);
      const auto results = everything(layer, kActs[2], [](const Tensor&) {});
      if (reference.empty()) reference = results;
      check_same(results, reference);
    }
  }
  set_threads(before);
}

TEST_CASE("a convolution that nobody looked at yet does not see its weights change") {
  for (const Layer& layer : kLayers) {
    Tensors t = leaves(some_inputs(layer));
    const Tensor early = conv(layer, t), late = conv(layer, t);
    const Array expected = early.value();
    add_scaled(t[1].mutable_value(), 1, Array(layer.weight, Scalar{1}));
    CHECK(same_bits(late.value(), expected));
    CHECK_FALSE(same_bits(conv(layer, t).value(), expected));
  }
}

TEST_CASE("a convolution can be activated and used as it is") {
  for (const Layer& layer : kLayers) {
    const auto twice = [&](bool look_first) {
      const Tensors t = leaves(some_inputs(layer));
      const Tensor sums = conv(layer, t);
      if (look_first) sums.value();
      const Tensor y = relu(sums) + sums * 2;
      y.backward(Random(17).normal(y.shape()));
      return std::vector<Array>{y.value(), t[0].grad(), t[1].grad(), t[2].grad()};
    };
    check_same(twice(false), twice(true));
  }
}

}  // namespace kindling::test
