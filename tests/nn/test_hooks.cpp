#include "nn/hooks.h"

#include <doctest/doctest.h>

#include <memory>
#include <stdexcept>
#include <utility>
#include <vector>

#include "engine/engine.h"
#include "nn/layers.h"
#include "tests/support/nn_support.h"

using namespace kindling;
using namespace kindling::test;
using nn::Hook;
using nn::Hooks;
using nn::Module;

namespace {

/// What a hook may keep: how often it was called, and the last output it saw.
struct Seen {
  int calls = 0;
  Scalar last = 0;
};

void look(Seen& seen, Module&, const Tensor&, const Tensor& y) {
  ++seen.calls;
  seen.last = y.item();
}

std::unique_ptr<Module> adds(Scalar term) {
  return nn::make<Probe>([term](const Tensor& x) { return x + term; });
}

}  // namespace

TEST_CASE("a Hook owns what it finds out and goes with its scope") {
  Probe module;
  int outside = 0;
  {
    Hook<Seen> hook(module, look);
    const auto handle = module.register_forward_hook([&](auto&&...) { ++outside; });
    module(4);
    CHECK(hook.state().calls == 1);
    CHECK(std::as_const(hook).state().last == 4);
    hook.remove();
    module(5);
    CHECK(hook->calls == 1);  // still there to be read
    CHECK(hook->last == 4);
    CHECK(outside == 2);
  }
  module(6);
  CHECK(outside == 2);
}

TEST_CASE("a Hook that is moved goes on writing into the same state") {
  Probe module, other;
  Hook<Seen> first(module, look);
  module(1);
  const Seen* state = &first.state();
  Hook<Seen> second(std::move(first));
  module(2);
  CHECK(second->calls == 2);
  CHECK(&second.state() == state);
  Hook<Seen> third(other, look);
  third = std::move(second);  // and other's hook is gone
  other(9);
  module(3);
  CHECK(third->calls == 3);
  CHECK(third->last == 3);
}

TEST_CASE("Hooks are a range of Hook, in the order of the modules, and a scope") {
  nn::Sequential model;
  std::vector<Module*> modules;
  for (int i = 0; i < 20; ++i) modules.push_back(&model.add(adds(1)));
  std::vector<Scalar> outputs;
  int calls = 0;
  {
    Hooks<Seen> hooks(modules, [&](Seen& seen, Module& m, const Tensor& x, const Tensor& y) {
      look(seen, m, x, y);
      ++calls;
    });
    REQUIRE(hooks.size() == 20);
    model(0);
    for (const auto& hook : std::as_const(hooks)) outputs.push_back(hook.state().last);
    for (std::size_t i = 0; i < outputs.size(); ++i) CHECK(outputs[i] == Scalar(i + 1));
    CHECK(hooks[19]->calls == 1);

    Hooks<Seen> moved = std::move(hooks);
    model(0);
    CHECK(moved[0]->calls == 2);
    moved.remove();
    model(0);
    CHECK(moved[0]->calls == 2);
    CHECK(calls == 40);
    moved = Hooks<Seen>({modules[3]}, [&](Seen&, auto&&...) { ++calls; });
    model(0);
  }
  CHECK(calls == 41);
  model(0);
  CHECK(calls == 41);
  CHECK(Hooks<Seen>().size() == 0);
}

TEST_CASE("Hooks are gone when an exception leaves their scope, and may outlive their modules") {
  Probe module;
  int calls = 0;
  const auto count = [&](Seen&, auto&&...) { ++calls; };
  try {
    const Hooks<Seen> hooks({&module}, count);
    module(0);
    throw std::runtime_error("over");
  } catch (const std::runtime_error&) {
  }
  module(0);
  CHECK(calls == 1);

  auto model = std::make_unique<nn::Sequential>(adds(1), adds(2));
  const Hooks<Seen> hooks({&(*model)[0], &(*model)[1]}, look);
  (*model)(0);
  model.reset();
  CHECK(hooks[1].state().last == 3);
}
