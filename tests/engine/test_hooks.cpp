#include <doctest/doctest.h>

#include <memory>
#include <stdexcept>
#include <utility>
#include <vector>

#include "engine/engine.h"
#include "tests/support/errors.h"

// Gradient hooks on tensors. Modules use the same HookList.

namespace kindling::test {

namespace {

Tensor number(Scalar value) { return Tensor(Array::scalar(value), true); }
const Array kAsItIs;

}  // namespace

TEST_CASE("a hook sees the complete gradient, once") {
  const Tensor x = number(3);
  std::vector<Scalar> seen;
  const HookHandle hook = x.register_hook([&](const Array& grad) {
    seen.push_back(grad.item());
    return kAsItIs;
  });
  (x * x + x * 4 + x).backward();
  CHECK_EQ(seen, std::vector<Scalar>{11});
  CHECK_EQ(x.grad().item(), 11);
}

TEST_CASE("what a hook returns takes the gradient's place for everything below") {
  const Tensor x = number(3);
  Tensor y = x * 2;
  y.retain_grad();
  const HookHandle hook = y.register_hook([](const Array&) { return Array::scalar(10); });
  (y * 7).backward();
  CHECK_EQ(y.grad().item(), 10);
  CHECK_EQ(x.grad().item(), 20);
}

TEST_CASE("hooks are called in the order of registration, each with what the last one left") {
  const Tensor x = number(1);
  const HookHandle first =
      x.register_hook([](const Array& grad) { return Array::scalar(grad.item() + 1); });
  const HookHandle second =
      x.register_hook([](const Array& grad) { return Array::scalar(grad.item() * 10); });
  (x * 2).backward();
  CHECK_EQ(x.grad().item(), 30);
}

TEST_CASE("a hook cannot change the shape of a gradient") {
  const Tensor x = number(1);
  const HookHandle hook = x.register_hook([](const Array&) { return Array({2}, {1, 2}); });
  CHECK(contains(message_of<ShapeError>([&] { (x * 2).backward(); }), "(2)"));
  CHECK_FALSE(x.grad().defined());
}

TEST_CASE("a hook goes with its handle") {
  const Tensor x = number(1);
  int calls = 0;
  const auto count = [&](const Array&) { return ++calls, kAsItIs; };
  {
    const HookHandle hook = x.register_hook(count);
    (x * 2).backward();
  }
  (x * 2).backward();
  CHECK_EQ(calls, 1);
  HookHandle hook = x.register_hook(count);
  hook.remove();
  hook.remove();
  (x * 2).backward();
  CHECK_EQ(calls, 1);
}

TEST_CASE("a moved handle still owns its hook") {
  const Tensor x = number(1);
  int first = 0, second = 0;
  HookHandle a = x.register_hook([&](const Array&) { return ++first, kAsItIs; });
  HookHandle b = std::move(a);
  a.remove();  // NOLINT: owns nothing any more
  (x * 2).backward();
  CHECK_EQ(first, 1);
  b = x.register_hook([&](const Array&) { return ++second, kAsItIs; });  // the first one goes
  (x * 2).backward();
  CHECK_EQ(first, 1);
  CHECK_EQ(second, 1);
}

TEST_CASE("a handle may outlive its tensor") {
  HookHandle hook;
  {
    const Tensor x = number(1);
    hook = x.register_hook([](const Array&) { return kAsItIs; });
  }
  CHECK_NOTHROW(hook.remove());
}

TEST_CASE("a tensor whose last handle is gone keeps its hook while the graph lives") {
  const Tensor x = number(1);
  int calls = 0;
  HookHandle hook;
  Tensor loss;
  {
    const Tensor inner = x * 2;
    hook = inner.register_hook([&](const Array&) { return ++calls, kAsItIs; });
    loss = inner * 3;
  }
  loss.backward();
  CHECK_EQ(calls, 1);
}

TEST_CASE("a hook may remove itself and others, and add new ones for the next time") {
  const Tensor x = number(1);
  std::vector<int> called;
  HookHandle self, other, late;
  self = x.register_hook([&](const Array&) {
    called.push_back(1);
    other.remove();
    late = x.register_hook([&](const Array&) { return called.push_back(3), kAsItIs; });
    self.remove();
    return kAsItIs;
  });
  other = x.register_hook([&](const Array&) { return called.push_back(2), kAsItIs; });
  (x * 2).backward();
  CHECK_EQ(called, std::vector<int>{1});
  (x * 2).backward();
  CHECK_EQ(called, std::vector<int>{1, 3});
}

TEST_CASE("a hook on a tensor that wants no gradient is an error") {
  const auto hook = [](const Array&) { return kAsItIs; };
  CHECK_THROWS_AS((void)Tensor(Scalar{1}).register_hook(hook), Error);
  CHECK_THROWS_AS((void)Tensor().register_hook(hook), Error);
}

TEST_CASE("a hook is not called for a tensor the loss does not depend on") {
  const Tensor x = number(1), y = number(1);
  int calls = 0;
  const HookHandle hook = y.register_hook([&](const Array&) { return ++calls, kAsItIs; });
  const Tensor aside = y * 2;
  (x * 2).backward();
  CHECK_EQ(calls, 0);
}

TEST_CASE("a hook that writes to the gradient it was given changes nobody else's") {
  const Tensor a = number(1), b = number(1);
  Array stolen;
  const HookHandle hook = a.register_hook([&](const Array& grad) {
    stolen = grad;
    stolen.data()[0] = 99;
    return kAsItIs;
  });
  (a + b).backward();
  CHECK_EQ(a.grad().item(), 1);
  CHECK_EQ(b.grad().item(), 1);
}

TEST_CASE("hooks see the gradient again on every pass over a retained graph") {
  const Tensor x = number(3);
  int calls = 0;
  const Tensor y = x * x;
  const HookHandle hook = y.register_hook([&](const Array&) { return ++calls, kAsItIs; });
  y.backward(true);
  y.backward();
  CHECK_EQ(calls, 2);
}

TEST_CASE("a hook may go backward itself, if it keeps the graph that the pass still has to walk") {
  for (const bool retain : {false, true}) {
    CAPTURE(retain);
    const Tensor x = number(3), shared = x * x, a = shared * 2, other = shared * 5;
    const HookHandle hook =
        a.register_hook([&](const Array&) { return other.backward(retain), kAsItIs; });
    if (retain) {
      a.backward();
      CHECK_EQ(x.grad().item(), 2 * 6 + 5 * 6);  // of both losses, d(x * x) = 6
    } else {
      CHECK(begins(message_of([&] { a.backward(); }), "[backward] the graph of 'mul' () was "));
      CHECK_EQ(x.grad().item(), 5 * 6);
      CHECK_NOTHROW((x * 2).backward());
    }
  }
}

TEST_CASE("a hook may go backward from a tensor that has a part of its gradient already") {
  const Tensor x = number(3), shared = x * x, a = shared * 2, b = shared * 5;
  const HookHandle hook =
      a.register_hook([&](const Array&) { return shared.backward(true), kAsItIs; });
  (a + b).backward();  // b's turn comes first
  CHECK_EQ(x.grad().item(), (2 + 5 + 1) * 6);
}

TEST_CASE("a hook that goes backward through its own tensor must keep that, too") {
  const Tensor x = number(3), y = x * x, other = y * 5;
  bool first = true;
  const HookHandle hook = y.register_hook([&](const Array&) {
    if (std::exchange(first, false)) other.backward();
    return kAsItIs;
  });
  CHECK(
      contains(message_of([&] { (y * 2).backward(); }), "released by a backward() of a gradient"));
  CHECK_EQ(x.grad().item(), 5 * 6);
}

TEST_CASE("a backward of a hook that fails is no way to a wrong gradient of the pass around it") {
  const Tensor x = number(3), shared = x * x, a = shared * 2, b = shared * 5, c = shared * 7;
  const HookHandle fails =
      c.register_hook([](const Array&) -> Array { throw std::runtime_error("no"); });
  const HookHandle tries = a.register_hook([&](const Array&) {
    CHECK_THROWS_WITH(c.backward(true), "no");
    return kAsItIs;
  });
  CHECK(begins(message_of([&] { (a + b).backward(); }), "[backward] a backward() of a gradient "));
  CHECK_FALSE(x.grad().defined());
  // One that has nothing in common with it does no harm.
  const Tensor y = number(2), d = y * 7;
  const HookHandle fails_alone =
      d.register_hook([](const Array&) -> Array { throw std::runtime_error("no"); });
  const Tensor z = number(3), e = z * 2;
  const HookHandle tries_another = e.register_hook([&](const Array&) {
    CHECK_THROWS_WITH(d.backward(true), "no");
    return kAsItIs;
  });
  (e * 2).backward();
  CHECK_EQ(z.grad().item(), 4);
}

TEST_CASE("a hook that dies may take another one of the same tensor with it") {
  const Tensor x = number(3);
  int calls = 0;
  auto inner =
      std::make_shared<HookHandle>(x.register_hook([&](const Array&) { return ++calls, kAsItIs; }));
  HookHandle outer = x.register_hook([inner](const Array&) { return kAsItIs; });
  const HookHandle last = x.register_hook([&](const Array&) { return ++calls, kAsItIs; });
  inner.reset();  // the second hook is now the only one that holds the first one's handle
  outer.remove();
  (x * 2).backward();
  CHECK_EQ(calls, 1);
  CHECK_EQ(x.grad().item(), 2);
}

}  // namespace kindling::test
