#include <doctest/doctest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "engine/engine.h"
#include "nn/layers.h"
#include "nn/models.h"
#include "tests/support/errors.h"
#include "tests/support/nn_support.h"
#include "tests/support/plain.h"

using namespace kindling;
using namespace kindling::test;
using nn::Module;

namespace {

/// What a backward hook was called with.
struct Gradients {
  int calls = 0;
  std::vector<Array> dx, dy;
};

/// Registered on a module, it writes into `into`, which must live as long as it may be called.
HookHandle watch(Module& module, Gradients& into) {
  return module.register_backward_hook([&into](Module&, const Array& dx, const Array& dy) {
    ++into.calls;
    into.dx.push_back(dx);
    into.dy.push_back(dy);
  });
}

Tensor leaf(const Shape& shape, std::uint64_t seed) {
  return Tensor(Random(seed).uniform(shape, -1, 1), true);
}

std::unique_ptr<Module> times(Scalar factor) {
  return nn::make<Probe>([factor](const Tensor& x) { return x * factor; });
}

}  // namespace

TEST_CASE("a backward hook sees the gradients by the output and by the input of its module") {
  nn::Linear layer(3, 2);
  layer.weight.set_value(Array({3, 2}, {1, 2, 3, 4, 5, 6}));
  Gradients seen;
  Module* which = nullptr;
  const auto h = watch(layer, seen);
  const auto w = layer.register_backward_hook(
      [&](Module& module, const Array&, const Array&) { which = &module; });
  layer(leaf({1, 3}, 1)).backward(Array({1, 2}, {10, 1}));
  REQUIRE(seen.calls == 1);
  CHECK(which == &layer);
  CHECK(same_bits(seen.dy[0], Array({1, 2}, {10, 1})));
  CHECK(same_bits(seen.dx[0], Array({1, 3}, {12, 34, 56})));  // dy W'
}

TEST_CASE("it sees what gradient hooks on the tensors see") {
  const auto model = nn::conv_net();
  auto& net = *model;
  const Tensor x = leaf({2, 28, 28, 1}, 2);
  Gradients seen;
  const auto h = watch(net[2], seen);
  Array dx, dy;
  const Tensor a = net[1](net[0](x)), b = net[2](a), loss = sum(net[4](net[3](b)));
  const auto hx = a.register_hook([&](const Array& g) { return dx = g, Array(); });
  const auto hy = b.register_hook([&](const Array& g) { return dy = g, Array(); });
  loss.backward();
  REQUIRE(seen.calls == 1);
  CHECK(same_bits(seen.dx[0], dx));
  CHECK(same_bits(seen.dy[0], dy));
}

TEST_CASE("backward hooks run from the last module to the first, those of one as registered") {
  nn::Sequential model(times(2), nn::make<nn::Sequential>(times(3), times(5)), times(7));
  std::string log;
  std::vector<HookHandle> handles;
  for (const auto& [path, module] : model.named_modules())
    for (const char* mark : {"", "'"})
      handles.push_back(module->register_backward_hook(
          [&log, what = path + mark](auto&&...) { log += "[" + what + "]"; }));
  model(Tensor(Array::scalar(1), true)).backward();
  CHECK(log == "[2][2'][1.1][1.1'][1.0][1.0'][1][1'][0][0'][][']");
}

TEST_CASE("dx is undefined when nobody asked for the gradient of the input") {
  nn::Linear layer(3, 2);
  Gradients seen;
  const auto h = watch(layer, seen);
  layer(leaf({4, 3}, 3).detach()).backward(Array({4, 2}, Scalar{1}));
  REQUIRE(seen.calls == 1);
  CHECK_FALSE(seen.dx[0].defined());
  CHECK(same_bits(seen.dy[0], Array({4, 2}, Scalar{1})));
}

TEST_CASE("it is called once for every backward pass over every call of its module") {
  nn::Sequential outer(times(3));
  Gradients seen;
  const auto h = watch(outer[0], seen);
  const Tensor x(Array::scalar(1), true);
  const Tensor y = outer[0](x), z = outer[0](y);
  CHECK(seen.calls == 0);
  z.backward(true);
  REQUIRE(seen.calls == 2);
  CHECK(seen.dy[0].item() == 1);  // the second call comes first
  CHECK(seen.dx[0].item() == 3);
  CHECK(seen.dy[1].item() == 3);
  CHECK(seen.dx[1].item() == 9);
  y.backward(true);
  REQUIRE(seen.calls == 3);
  CHECK(seen.dx[2].item() == 3);
  z.backward();
  CHECK(seen.calls == 5);
}

TEST_CASE("dy is complete when the output is used twice; dx is this module's part alone") {
  Probe module([](const Tensor& x) { return x * x + x; });
  Gradients seen;
  const auto h = watch(module, seen);
  const Tensor x(Array::scalar(3), true), y = module(x);
  (y * Scalar{2} + y * Scalar{5} + x * Scalar{100}).backward();
  REQUIRE(seen.calls == 1);
  CHECK(seen.dy[0].item() == 7);
  CHECK(seen.dx[0].item() == 7 * (2 * 3 + 1));
  CHECK(x.grad().item() == 7 * (2 * 3 + 1) + 100);
}

TEST_CASE("a module that hands its input through passes the gradient through") {
  nn::Sequential empty;
  Gradients seen;
  const auto h = watch(empty, seen);
  const Tensor x = leaf({2, 3}, 4);
  const Array dy(Shape{2, 3}, Scalar{4});
  empty(x).backward(dy);
  REQUIRE(seen.calls == 1);
  CHECK(same_bits(seen.dx[0], dy));
  CHECK(same_bits(seen.dy[0], dy));
  CHECK(same_bits(x.grad(), dy));
}

TEST_CASE("what forward hooks replace counts as the module's own") {
  Probe module([](const Tensor& x) { return x * Scalar{2}; });
  const auto p =
      module.register_forward_pre_hook([](Module&, const Tensor& x) { return x * Scalar{10}; });
  const auto f = module.register_forward_hook(
      [](Module&, const Tensor&, const Tensor& y) { return y * Scalar{100}; });
  Gradients seen;
  const auto h = watch(module, seen);
  const Tensor x(Array::scalar(1), true);
  module(x).backward();
  REQUIRE(seen.calls == 1);
  CHECK(seen.dy[0].item() == 1);    // by what the caller got
  CHECK(seen.dx[0].item() == 200);  // by what forward got
  CHECK(x.grad().item() == 2000);
}

TEST_CASE("of several inputs it sees the gradient by the first") {
  struct Product : Module {
    Tensor forward_all(std::span<const Tensor> xs) override { return xs[0] * xs[1]; }
    Tensor forward(const Tensor& x) override { return x; }
    std::string type() const override { return "Product"; }
  } product;
  Gradients seen;
  const auto h = watch(product, seen);
  const Tensor a(Array::scalar(2), true), b(Array::scalar(5), true), constant(2);
  product({a, b}).backward();
  product({constant, b}).backward();
  REQUIRE(seen.calls == 2);
  CHECK(seen.dx[0].item() == 5);
  CHECK_FALSE(seen.dx[1].defined());
  CHECK(seen.dy[1].item() == 1);
  CHECK(b.grad().item() == 4);
}

TEST_CASE("watching changes no bit of any gradient and leaves nothing behind") {
  const auto model = nn::conv_net();
  const Tensor x = leaf({3, 28, 28, 1}, 5);
  const IntArray labels(Shape{3}, {1, 0, 9});
  const auto step = [&] {
    model->zero_grad();
    Tensor input = x;
    input.zero_grad();
    cross_entropy((*model)(x), labels).backward();
    std::vector<Array> grads{x.grad()};
    for (const Tensor& parameter : model->parameters()) grads.push_back(parameter.grad());
    return grads;
  };
  const auto plain = step();
  Gradients seen;
  {
    std::vector<HookHandle> handles;
    for (const auto& [path, module] : model->named_modules())
      handles.push_back(watch(*module, seen));
    const auto watched = step();
    REQUIRE(watched.size() == plain.size());
    for (std::size_t i = 0; i < plain.size(); ++i) CHECK(same_bits(watched[i], plain[i]));
  }
  CHECK(seen.calls == static_cast<int>(model->named_modules().size()));
  const auto after = step();
  for (std::size_t i = 0; i < plain.size(); ++i) CHECK(same_bits(after[i], plain[i]));
  CHECK(seen.calls == static_cast<int>(model->named_modules().size()));
}

TEST_CASE("without gradients there is nothing to see") {
  nn::Linear layer(2, 2);
  Gradients seen;
  const auto h = watch(layer, seen);
  const Tensor x = leaf({1, 2}, 6), scale(Array::scalar(2), true);
  {
    const NoGrad no_grad;
    CHECK_FALSE(layer(x).requires_grad());
  }
  layer.weight.set_requires_grad(false);
  layer.bias.set_requires_grad(false);
  // Only what follows the module is on the tape.
  sum(layer(x.detach()) * scale).backward();
  CHECK(scale.grad().defined());
  CHECK(seen.calls == 0);
}

TEST_CASE("a module may be gone before its graph runs backwards") {
  Gradients seen;
  HookHandle handle;
  Tensor loss, weight;
  const Tensor x = leaf({2, 3}, 7);
  {
    nn::Sequential model(nn::make<nn::Linear>(3, 2), nn::make<nn::ReLU>(),
                         nn::make<nn::Linear>(2, 1));
    handle = watch(model[0], seen);
    model[2].register_backward_hook([&](auto&&...) { ++seen.calls; }).release();
    weight = model.parameters()[0];
    loss = sum(model(x));
  }
  loss.backward(true);
  CHECK(seen.calls == 0);
  CHECK(x.grad().defined());
  CHECK(weight.grad().defined());
  handle.remove();
  CHECK_NOTHROW(loss.backward());
}

TEST_CASE("a handle that goes between forward and backward silences its hook, a new one waits") {
  nn::Sequential model(times(2));
  Gradients gone, stays, late;
  const auto s = watch(model[0], stays);
  const Tensor x(Array::scalar(1), true);
  Tensor y;
  {
    const auto g = watch(model[0], gone);
    y = model(x);
  }
  y.backward();
  CHECK(gone.calls == 0);
  CHECK(stays.calls == 1);
  CHECK(x.grad().item() == 2);
  const Tensor unwatched = Probe([](const Tensor& z) { return z * z; })(x);
  CHECK_NOTHROW(unwatched.backward());
}

TEST_CASE("a backward hook may remove itself and add others while it is called") {
  Probe module;
  std::string log;
  HookHandle once, added;
  once = module.register_backward_hook([&](Module& m, const Array&, const Array&) {
    log += "1";
    added = m.register_backward_hook([&](auto&&...) { log += "+"; });
    once.remove();
  });
  const auto last = module.register_backward_hook([&](auto&&...) { log += "2"; });
  const Tensor x(Array::scalar(1), true);
  module(x).backward();
  CHECK(log == "12");
  module(x).backward();
  CHECK(log == "122+");
}

TEST_CASE("an exception out of a backward hook passes, and the next pass is whole again") {
  nn::Sequential model(times(2), times(3));
  bool armed = true;
  Gradients first;
  const auto h = watch(model[0], first);
  const auto bomb = model[1].register_backward_hook([&](auto&&...) {
    if (armed) throw std::runtime_error("enough");
  });
  const Tensor x(Array::scalar(1), true), y = model(x);
  CHECK(message_of<std::runtime_error>([&] { y.backward(true); }) == "enough");
  CHECK(first.calls == 0);
  CHECK_FALSE(x.grad().defined());
  armed = false;
  y.backward();
  CHECK(first.calls == 1);
  CHECK(first.dy[0].item() == 3);
  CHECK(x.grad().item() == 6);
}
