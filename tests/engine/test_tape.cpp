#include "engine/tape.h"

#include <doctest/doctest.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "engine/ops/update.h"
#include "engine/storage.h"
#include "tests/support/errors.h"
#include "tests/support/gradcheck.h"
#include "tests/support/plain.h"

namespace kindling::test {

namespace {

Tensor leaf(std::initializer_list<Scalar> values) {
  return Tensor(Array({static_cast<Index>(values.size())}, values), true);
}
Tensor number(Scalar value) { return Tensor(Array::scalar(value), true); }
std::vector<Scalar> list(const Array& x) { return {x.values().begin(), x.values().end()}; }
using List = std::vector<Scalar>;

/// An op that throws on its way back.
Tensor failing(const Tensor& x) {
  static const Op op{"test_failing"};
  return record(op, x.value(), {x},
                [](const Array&, Grads&) { throw std::runtime_error("no way back"); });
}

}  // namespace

TEST_CASE("a tensor used twice gets both gradients") {
  const Tensor x = number(3);
  (x * x + x).backward();
  CHECK_EQ(x.grad().item(), 7);
}

TEST_CASE("a diamond is walked once, when all of its gradient is there") {
  const Tensor x = number(2);
  int calls = 0;
  const Tensor top = x * 3;
  const HookHandle hook = top.register_hook([&](const Array& grad) {
    ++calls;
    CHECK_EQ(grad.item(), 4 + 5);
    return Array();
  });
  const Tensor left = top * 4, right = top * 5;
  (left + right).backward();
  CHECK_EQ(calls, 1);
  CHECK_EQ(x.grad().item(), 27);
}

TEST_CASE("a ladder of diamonds takes time linear in its length") {
  const Tensor x = number(1);
  Tensor y = x;
  for (int i = 0; i < 60; ++i) y = y * 0.5 + y * 0.5;  // 2^60 paths
  y.backward();
  CHECK_EQ(x.grad().item(), 1);
}

TEST_CASE("gradients add up over backward passes until they are cleared") {
  Tensor x = leaf({1, 2});
  CHECK_FALSE(x.grad().defined());
  sum(x * 3).backward();
  sum(x * 4).backward();
  CHECK_EQ(list(x.grad()), List{7, 7});
  x.zero_grad();
  CHECK_FALSE(x.grad().defined());
  sum(x * 5).backward();
  CHECK_EQ(list(x.grad()), List{5, 5});
}

TEST_CASE("a second pass over a released graph is an error that says what to do") {
  const Tensor x = leaf({1, 2});
  const Tensor loss = sum(x * x);
  loss.backward();
  const std::string message = message_of([&] { loss.backward(); });
  CHECK(begins(message, "[backward] "));
  CHECK(contains(message, "'sum'"));
  CHECK(contains(message, "retain_graph"));
  CHECK_EQ(list(x.grad()), List{2, 4});
}

TEST_CASE("a new op on top of a released graph is the same error, and nothing is left half done") {
  const Tensor x = number(2), z = number(5);
  const Tensor shared = x * x;
  sum(shared).backward();
  const Tensor loss = shared + z * 2;
  CHECK(contains(message_of([&] { loss.backward(); }), "'mul'"));
  CHECK_FALSE(z.grad().defined());
  CHECK_EQ(x.grad().item(), 4);
  (z * 2).backward();
  CHECK_EQ(z.grad().item(), 2);
}

TEST_CASE("a retained graph can be walked again, and gradients add up") {
  const Tensor x = leaf({1, 2});
  const Tensor loss = sum(x * x);
  loss.backward(true);
  loss.backward(true);
  CHECK_EQ(list(x.grad()), List{4, 8});
  loss.backward();
  CHECK_EQ(list(x.grad()), List{6, 12});
  CHECK_THROWS_AS(loss.backward(), Error);
}

TEST_CASE("backward starts from one element or from a cotangent") {
  const Tensor x = leaf({1, 2, 3});
  const Tensor y = x * x;
  CHECK(contains(message_of<ShapeError>([&] { y.backward(); }), "(3)"));
  CHECK_FALSE(x.grad().defined());
  CHECK(contains(message_of<ShapeError>([&] { y.backward(Array({2}, {1, 1})); }), "(2)"));
  CHECK_THROWS_AS(y.backward(Array()), Error);
  y.backward(Array({3}, {1, 10, 100}));
  CHECK_EQ(list(x.grad()), List{2, 40, 600});
  Tensor one = leaf({5});  // one element is enough, whatever its shape
  (one * 2).backward();
  CHECK_EQ(one.grad().item(), 2);
}

TEST_CASE("an undefined cotangent is an error, and the graph survives it") {
  const Tensor x = number(2);
  const Tensor y = x * x;
  CHECK_THROWS_AS(y.backward(Array()), Error);
  CHECK_NOTHROW(y.backward());
  CHECK_EQ(x.grad().item(), 4);
}

TEST_CASE("backward where nothing requires a gradient is an error") {
  CHECK(contains(message_of([] { Tensor(Scalar{1}).backward(); }), "requires a gradient"));
  CHECK_THROWS_AS((Tensor(Scalar{1}) * 2).backward(), Error);
}

TEST_CASE("backward from a leaf gives the cotangent itself") {
  const Tensor x = number(2);
  x.backward();
  x.backward();
  CHECK_EQ(x.grad().item(), 2);
}

TEST_CASE("nothing is recorded under NoGrad, and it nests") {
  const Tensor x = number(2);
  {
    const NoGrad outer;
    CHECK_FALSE(grad_enabled());
    { const NoGrad inner; }
    CHECK_FALSE(grad_enabled());
    CHECK_FALSE((x * x).requires_grad());
  }
  CHECK(grad_enabled());
  CHECK((x * x).requires_grad());
  try {
    const NoGrad guard;
    throw 1;
  } catch (int) {
  }
  CHECK(grad_enabled());
}

TEST_CASE("a detached tensor is a constant that shares the value") {
  const Tensor x = number(3);
  const Tensor y = x * x, d = y.detach();
  CHECK_FALSE(d.requires_grad());
  CHECK(d.is_leaf());
  CHECK_EQ(std::as_const(d).value().data(), y.value().data());
  (y * d).backward();
  CHECK_EQ(x.grad().item(), 54);
}

TEST_CASE("leaves know what they are") {
  const Tensor constant(Scalar{1}), x = number(2), y = x * x;
  CHECK(constant.is_leaf());
  CHECK(x.is_leaf());
  CHECK_FALSE(y.is_leaf());
  CHECK_EQ(std::string(x.op_name()), "leaf");
  CHECK_EQ(std::string(y.op_name()), "mul");
}

TEST_CASE("only a leaf can be changed or asked") {
  Tensor x = leaf({1, 2});
  Tensor y = x * 2;
  CHECK(contains(message_of([&] { y.set_requires_grad(true); }), "'mul'"));
  CHECK(contains(message_of([&] { y.set_value(Array({2}, {0, 0})); }), "'mul'"));
  CHECK_THROWS_AS(y.mutable_value(), Error);
  CHECK(contains(message_of<ShapeError>([&] { x.set_value(Array({3}, {0, 0, 0})); }), "(3)"));
  x.set_requires_grad(false);
  CHECK_FALSE((x * 2).requires_grad());
  CHECK_FALSE(x.grad().defined());
  CHECK_THROWS_AS(x.set_grad(Array({2}, {0, 0})), Error);
}

TEST_CASE("set_grad takes a gradient of the tensor's shape") {
  Tensor x = leaf({1, 2});
  x.set_grad(Array({2}, {5, 6}));
  sum(x).backward();
  CHECK_EQ(list(x.grad()), List{6, 7});
  CHECK_THROWS_AS(x.set_grad(Array({3}, {1, 2, 3})), ShapeError);
}

TEST_CASE("an undefined tensor is an error wherever it turns up, never a crash") {
  const Tensor none;
  CHECK_FALSE(none.defined());
  CHECK_THROWS_AS(none.value(), Error);
  CHECK_THROWS_AS(none.shape(), Error);
  CHECK_THROWS_AS(none.backward(), Error);
  CHECK_THROWS_AS(none.requires_grad(), Error);
  CHECK_THROWS_AS(none + 1, Error);
  CHECK_THROWS_AS(exp(none), Error);
  CHECK_THROWS_AS(concat({none, none}), Error);
  CHECK_THROWS_AS(conv2d(none, none), Error);
  CHECK_EQ(to_string(none), "(undefined)");
}

TEST_CASE("a tensor cannot be made of an undefined array, nor be given one") {
  CHECK_THROWS_AS(Tensor{Array()}, Error);
  Tensor x = number(1);
  CHECK_THROWS_AS(x.set_value(Array()), Error);
}

TEST_CASE("copies of a handle are the same tensor") {
  const Tensor x = number(2);
  Tensor other = x;
  (x * x).backward();
  CHECK_EQ(other.grad().item(), 4);
  other.set_value(Array::scalar(5));
  CHECK_EQ(x.item(), 5);
}

TEST_CASE("inner gradients are kept on demand only") {
  const Tensor x = number(2);
  Tensor kept = x * 3;
  const Tensor lost = kept * 4;
  kept.retain_grad();
  (lost * 5).backward();
  CHECK_EQ(kept.grad().item(), 20);
  CHECK_FALSE(lost.grad().defined());
  CHECK_THROWS_AS(Tensor(Scalar{1}).retain_grad(), Error);
}

TEST_CASE("an exception on the way back leaves no half-built gradient behind") {
  const Tensor x = number(2), y = number(3);
  const Tensor shared = x * 3;
  const Tensor loss = shared * y + failing(shared);
  CHECK_THROWS_AS(loss.backward(true), std::runtime_error);
  CHECK_FALSE(x.grad().defined());
  // What was walked is as good as before: shared must not remember a gradient of the failed pass.
  (shared * 10).backward();
  CHECK_EQ(x.grad().item(), 30);
  CHECK(grad_enabled());
}

TEST_CASE("an exception in a hook leaves other graphs usable") {
  const Tensor x = number(2), z = number(7);
  const Tensor inner = x * 3, bystander = z * z;
  {
    const HookHandle hook =
        inner.register_hook([](const Array&) -> Array { throw std::runtime_error("hook"); });
    CHECK_THROWS_AS((inner * 4 + inner).backward(true), std::runtime_error);
  }
  CHECK_FALSE(x.grad().defined());
  bystander.backward();
  CHECK_EQ(z.grad().item(), 14);
  (inner * 4).backward();
  CHECK_EQ(x.grad().item(), 12);
}

TEST_CASE("a new value does not reach a graph that holds the old one") {
  Tensor x = leaf({1, 2});
  const Tensor loss = sum(x * x);
  x.set_value(Array({2}, {100, 100}));
  loss.backward(true);
  CHECK_EQ(list(x.grad()), List{2, 4});
  x.zero_grad();
  x.mutable_value().data()[0] = -50;
  loss.backward();
  CHECK_EQ(list(x.grad()), List{2, 4});
  CHECK_EQ(list(x.value()), List{-50, 100});
}

TEST_CASE("in-place arithmetic on one gradient leaves every other alone") {
  Tensor a = leaf({1, 2}), b = leaf({3, 4});
  sum(a + b).backward();  // one buffer may serve both
  Array g = a.grad();
  scale(g, 10);
  a.set_grad(g);
  CHECK_EQ(list(a.grad()), List{10, 10});
  CHECK_EQ(list(b.grad()), List{1, 1});
  sum(a).backward();
  CHECK_EQ(list(a.grad()), List{11, 11});
  CHECK_EQ(list(b.grad()), List{1, 1});
}

TEST_CASE("a tensor that changes its mind about gradients starts afresh") {
  Tensor x = number(2);
  const Tensor loss = x * x;
  x.set_requires_grad(false);
  x.set_requires_grad(true);
  loss.backward();  // to the node that was
  CHECK_FALSE(x.grad().defined());
  (x * x).backward();
  CHECK_EQ(x.grad().item(), 4);
}

}  // namespace kindling::test
