#include <doctest/doctest.h>

#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "engine/engine.h"
#include "nn/layers.h"
#include "tests/support/errors.h"
#include "tests/support/nn_support.h"

using namespace kindling;
using namespace kindling::test;
using nn::Module;

namespace {

std::unique_ptr<Module> adds(Scalar term) {
  return nn::make<Probe>([term](const Tensor& x) { return x + term; });
}

}  // namespace

TEST_CASE("pre-hooks, forward and hooks run in this order, each kind as registered") {
  std::string log;
  Probe module([&](const Tensor& x) { return log += "forward ", x; });
  const auto h1 =
      module.register_forward_hook([&](Module&, const Tensor&, const Tensor&) { log += "h1 "; });
  const auto p1 = module.register_forward_pre_hook([&](Module&, const Tensor&) { log += "p1 "; });
  const auto h2 =
      module.register_forward_hook([&](Module&, const Tensor&, const Tensor&) { log += "h2 "; });
  const auto p2 = module.register_forward_pre_hook([&](Module&, const Tensor&) { log += "p2 "; });
  module(1);
  CHECK(log == "p1 p2 forward h1 h2 ");
}

TEST_CASE("a hook gets the module it hangs on, its input and its output") {
  nn::Sequential model(adds(1), adds(10), adds(100));
  std::vector<Scalar> seen;
  Module* which = nullptr;
  const auto handle =
      model[1].register_forward_hook([&](Module& module, const Tensor& x, const Tensor& y) {
        which = &module;
        seen = {x.item(), y.item()};
      });
  CHECK(model(1).item() == 112);
  CHECK(which == &model[1]);
  CHECK(seen == std::vector<Scalar>{2, 12});
}

TEST_CASE("a pre-hook may replace the input, for the next pre-hook and all that follows") {
  Probe module([](const Tensor& x) { return x * 10; });
  Scalar second = 0, after = 0;
  const auto p1 =
      module.register_forward_pre_hook([](Module&, const Tensor& x) { return x + Scalar{1}; });
  const auto p2 = module.register_forward_pre_hook(
      [&](Module&, const Tensor& x) { return second = x.item(), Tensor(); });
  const auto h = module.register_forward_hook(
      [&](Module&, const Tensor& x, const Tensor&) { after = x.item(); });
  CHECK(module(2).item() == 30);
  CHECK(second == 3);
  CHECK(after == 3);
}

TEST_CASE("a hook may replace the output, for the next hook and the caller") {
  Probe module;
  Scalar second = 0;
  const auto h1 = module.register_forward_hook(
      [](Module&, const Tensor&, const Tensor& y) { return y * Scalar{5}; });
  const auto h2 = module.register_forward_hook(
      [&](Module&, const Tensor&, const Tensor& y) { second = y.item(); });
  const auto h3 =
      module.register_forward_hook([](Module&, const Tensor& x, const Tensor& y) { return x + y; });
  CHECK(module(2).item() == 12);
  CHECK(second == 10);
}

TEST_CASE("gradients flow through what hooks put in") {
  Probe module([](const Tensor& x) { return x * x; });
  const auto before =
      module.register_forward_pre_hook([](Module&, const Tensor& x) { return x * Scalar{2}; });
  const auto after = module.register_forward_hook(
      [](Module&, const Tensor&, const Tensor& y) { return y * Scalar{3}; });
  const Tensor x(Array::scalar(5), true);
  module(x).backward();  // 3 (2x)^2
  CHECK(x.grad().item() == 24 * 5);
}

TEST_CASE("a hook may keep state of its own and may be a std::function of either kind") {
  Probe module;
  const auto counts = module.register_forward_hook(
      [n = Scalar{0}](Module&, const Tensor&, const Tensor& y) mutable { return y + ++n; });
  CHECK(module(0).item() == 1);
  CHECK(module(0).item() == 2);
  int calls = 0;
  const std::function<void(Module&, const Tensor&)> silent = [&](auto&&...) { ++calls; };
  const nn::ForwardHook replacing = [](auto&&...) { return Tensor(7); };
  const auto p = module.register_forward_pre_hook(silent);
  const auto h = module.register_forward_hook(replacing);
  CHECK(module(0).item() == 7);
  CHECK(calls == 1);
}

TEST_CASE("a handle that is removed, replaced or gone takes its hook along; a released one not") {
  Probe module;
  int a = 0, b = 0, c = 0;
  const auto counting = [&](int& n) {
    return module.register_forward_hook([&n](Module&, const Tensor&, const Tensor&) { ++n; });
  };
  {
    HookHandle first = counting(a);
    module(0);
    HookHandle moved = std::move(first);
    first.remove();  // nothing is left in there
    module(0);
    CHECK(a == 2);
    moved = counting(b);  // the first hook goes
    module(0);
    CHECK(a == 2);
    CHECK(b == 1);
    moved.remove();
    moved.remove();
    module(0);
    CHECK(b == 1);
    moved = counting(b);
    counting(c).release();
  }
  module(0);
  CHECK(b == 1);
  CHECK(c == 1);
  static_assert(!std::is_copy_constructible_v<HookHandle>);
}

TEST_CASE("a handle may outlive its module") {
  HookHandle forward, before, backward;
  int calls = 0;
  {
    nn::Linear layer(2, 2);
    forward = layer.register_forward_hook([&](auto&&...) { ++calls; });
    before = layer.register_forward_pre_hook([&](auto&&...) { ++calls; });
    backward = layer.register_backward_hook([&](auto&&...) { ++calls; });
    layer(Tensor(Array({1, 2}, {1, 2})));
  }
  CHECK(calls == 2);
  forward.remove();
  before = {};
}

TEST_CASE("a hook may remove itself and later ones while it is called") {
  Probe module;
  std::string log;
  HookHandle h1, h2, h3;
  h1 = module.register_forward_hook([&](Module&, const Tensor&, const Tensor&) {
    h1.remove();
    h2.remove();
    log += "1";
  });
  h2 = module.register_forward_hook([&](auto&&...) { log += "2"; });
  h3 = module.register_forward_hook([&](auto&&...) { log += "3"; });
  module(0);
  CHECK(log == "13");
  module(0);
  CHECK(log == "133");
}

TEST_CASE("a hook that is added while hooks are called waits for the next time") {
  Probe module;
  std::string log;
  std::vector<HookHandle> handles;
  handles.push_back(module.register_forward_hook([&](Module& m, const Tensor&, const Tensor&) {
    log += "1";
    handles.push_back(m.register_forward_hook([&](auto&&...) { log += "+"; }));
  }));
  module(0);
  CHECK(log == "1");
  module(0);
  CHECK(log == "11+");
  module(0);
  CHECK(log == "11+1++");
}

TEST_CASE("an exception out of a hook names the layer and leaves the module usable") {
  nn::Sequential model(adds(1), adds(2));
  bool armed = true;
  int before = 0, after = 0;
  const auto h1 = model[1].register_forward_hook([&](auto&&...) { ++before; });
  const auto h2 = model[1].register_forward_hook([&](Module&, const Tensor&, const Tensor&) {
    if (armed) throw Error("[spy] seen enough");
  });
  const auto h3 = model[1].register_forward_hook([&](auto&&...) { ++after; });
  CHECK(message_of<Error>([&] { model(0); }) == "1: [spy] seen enough");
  CHECK(before == 1);
  CHECK(after == 0);
  armed = false;
  CHECK(model(0).item() == 3);
  CHECK(before == 2);
  CHECK(after == 1);
}

TEST_CASE("a pre-hook that throws keeps forward from running") {
  bool ran = false;
  Probe module([&](const Tensor& x) { return ran = true, x; });
  const auto handle = module.register_forward_pre_hook(
      [](Module&, const Tensor&) { throw std::runtime_error("no further"); });
  CHECK(message_of<std::runtime_error>([&] { module(0); }) == "no further");
  CHECK_FALSE(ran);
}

TEST_CASE("hooks see every call of a module that is used twice, also without gradients") {
  Probe outer;
  Module& shared = outer.add_child("shared", adds(1));
  std::vector<Scalar> outputs;
  const auto handle = shared.register_forward_hook(
      [&](Module&, const Tensor&, const Tensor& y) { outputs.push_back(y.item()); });
  const NoGrad no_grad;
  CHECK(shared(shared(0)).item() == 2);
  CHECK(outputs == std::vector<Scalar>{1, 2});
}

TEST_CASE("hooks of a module of several inputs see the first; a pre-hook replaces that one") {
  struct Difference : Module {
    Tensor forward_all(std::span<const Tensor> xs) override { return xs[0] - xs[1]; }
    Tensor forward(const Tensor& x) override { return x; }
    std::string type() const override { return "Difference"; }
  } module;
  Scalar seen = 0;
  const auto p =
      module.register_forward_pre_hook([](Module&, const Tensor& x) { return x * Scalar{10}; });
  const auto h = module.register_forward_hook(
      [&](Module&, const Tensor& x, const Tensor&) { seen = x.item(); });
  CHECK(module({Tensor(3), Tensor(4)}).item() == 26);
  CHECK(seen == 30);
}
