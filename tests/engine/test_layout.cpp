#include <doctest/doctest.h>

#include <limits>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "engine/parallel.h"
#include "tests/support/errors.h"
#include "tests/support/plain.h"

// What the op table cannot say of the ops that move elements, and of pooling: arguments that are
// wrong, ties, shared buffers.

namespace kindling::test {

namespace {

constexpr Scalar kNaN = std::numeric_limits<Scalar>::quiet_NaN();

Tensor counting(const Shape& shape) {
  Array x(shape);
  for (Index i = 0; i < shape.size(); ++i) x.data()[i] = static_cast<Scalar>(i);
  return Tensor(x, true);
}

template <class F>
void check_names(const char* op, const char* shape, const F& f) {
  const std::string message = message_of<ShapeError>(f);
  CHECK_MESSAGE((begins(message, str("[", op, "] ")) && contains(message, shape)), message);
}

}  // namespace

TEST_CASE("axes and positions that do not exist are errors that name the op and the shape") {
  const Tensor x = counting({2, 3}), line = counting({3});
  for (const int axis : {2, -3, 100}) {
    check_names("slice", "(2,3)", [&] { slice(x, axis, 0, 1); });
    check_names("concat", "(2,3)", [&] { concat({x, x}, axis); });
    check_names("transpose", "(2,3)", [&] { transpose(x, 0, axis); });
    check_names("permute", "(2,3)", [&] { permute(x, {0, axis}); });
  }
  check_names("transpose", "(3)", [&] { transpose(line); });
  check_names("permute", "(2,3)", [&] { permute(x, {0}); });
  check_names("permute", "(2,3)", [&] { permute(x, {0, 0}); });
  check_names("permute", "(2,3)", [&] { permute(x, {1, -1}); });
  check_names("slice", "(2,3)", [&] { slice(x, 1, 0, 4); });
  check_names("slice", "(2,3)", [&] { slice(x, 1, 2, 1); });
  check_names("slice", "(2,3)", [&] { slice(x, 1, -4, 1); });
  check_names("concat", "", [&] { concat({}); });
}

TEST_CASE("a reshape that does not fit is an error that names the op and both shapes") {
  const Tensor x = counting({2, 3});
  check_names("reshape", "(2,3)", [&] { reshape(x, {4, -1}); });
  check_names("reshape", "(4,2)", [&] { reshape(x, {4, 2}); });
  check_names("reshape", "(7)", [&] { reshape(x, Shape{7}); });
  check_names("reshape", "(-1,-1)", [&] { reshape(x, {-1, -1}); });
  check_names("reshape", "(2,3)", [&] { reshape(x, {-1, Index{1} << 40, Index{1} << 40}); });
  check_names("reshape", "(2,3)", [&] { reshape(x, {-1, 1, 1, 1, 1, 1, 1, 1, 1}); });
}

TEST_CASE("pieces that do not fit together are named, both of them") {
  const Tensor x = counting({2, 3}), y = counting({2, 4}), z = counting({3});
  check_names("concat", "(2,3) and (2,4)", [&] { concat({x, y}, 0); });
  check_names("concat", "(2,3) and (3)", [&] { concat({x, z}, 0); });
  CHECK_EQ(concat({x, y}, 1).shape(), Shape{2, 7});
}

TEST_CASE("gather checks every index and shows the bad one") {
  const Tensor x = counting({4, 2});
  check_names("gather", "(4,2)", [&] { gather(x, IntArray({2}, {0, 4})); });
  check_names("gather", "-1", [&] { gather(x, IntArray({2}, {0, -1})); });
  check_names("gather", "()", [&] { gather(Tensor(Scalar{1}), IntArray({1}, {0})); });
  CHECK_EQ(gather(x, IntArray::scalar(3)).shape(), Shape{2});
  CHECK_EQ(gather(x, IntArray(Shape{0, 5})).shape(), Shape{0, 5, 2});
}

TEST_CASE("gather by an undefined index is an error") {
  const Tensor empty{Array(Shape{0, 2})};  // no index can be right, and none is read
  CHECK_THROWS_AS(gather(empty, IntArray()), Error);
}

TEST_CASE("repeated rows add their gradients up") {
  const Tensor x = counting({3, 2});
  gather(x, IntArray({4}, {2, 0, 2, 2})).backward(Array({4, 2}, {1, 2, 3, 4, 5, 6, 7, 8}));
  CHECK_EQ(difference(x.grad(), Plain{{3, 2}, {3, 4, 0, 0, 13, 16}}, 0), "");
}

TEST_CASE("reshape and a slice of the first axis share the buffer, and gradients stay apart") {
  const Tensor x = counting({4, 3});
  const Tensor rows = slice(x, 0, 1, 3), flat = reshape(x, {-1});
  CHECK_EQ(std::as_const(rows).value().data(), std::as_const(x).value().data() + 3);
  CHECK_EQ(std::as_const(flat).value().data(), std::as_const(x).value().data());
  (sum(rows) + sum(flat * 10)).backward();
  CHECK_EQ(difference(x.grad(), Plain{{4, 3}, {10, 10, 10, 11, 11, 11, 11, 11, 11, 10, 10, 10}}, 0),
           "");
}

TEST_CASE("long blocks, which are copied in pieces, are copied whole") {
  // Sizes that no piece divides, along the first axis and along another.
  const Index n = 5 * kChunk / 7 + 1, m = kChunk / 7 + 2;
  const Tensor a = counting({n, 7}), b = counting({m, 7}), c = counting({2, 3, kChunk + 5});
  const Array joined = concat({a, b}, 0).value();
  REQUIRE_EQ(joined.shape(), Shape{n + m, 7});
  Index wrong = 0;
  for (Index i = 0; i < joined.size(); ++i)
    wrong += joined[i] != static_cast<Scalar>(i < 7 * n ? i : i - 7 * n);
  CHECK_EQ(wrong, 0);

  const Tensor rows = slice(a, 0, 3, n - 2);  // whose gradient is copied back between zeros
  rows.backward(rows.value());
  for (Index i = 0; i < a.size(); ++i) {
    const bool inside = i >= 3 * 7 && i < (n - 2) * 7;
    wrong += a.grad()[i] != static_cast<Scalar>(inside ? i : 0);
  }
  CHECK_EQ(wrong, 0);

  const Array middle = slice(c, 1, 1, 3).value();
  const Index line = kChunk + 5;
  REQUIRE_EQ(middle.shape(), Shape{2, 2, line});
  for (Index i = 0; i < middle.size(); ++i)
    wrong += middle[i] != static_cast<Scalar>(i / (2 * line) * 3 * line + line + i % (2 * line));
  CHECK_EQ(wrong, 0);
}

TEST_CASE("the first of equal maxima in a window gets the gradient, the padding never") {
  const Tensor x(Array({1, 2, 2, 1}, Scalar{-3}), true);
  const Tensor y = max_pool2d(x, 2, 1, 1);
  CHECK_EQ(difference(y.value(), Plain{{1, 3, 3, 1}, std::vector<double>(9, -3)}, 0), "");
  y.backward(Array(y.shape(), Scalar{1}));
  CHECK_EQ(difference(x.grad(), Plain{{1, 2, 2, 1}, {4, 2, 2, 1}}, 0), "");
}

TEST_CASE("a NaN or minus infinity in a window is its maximum") {
  const Scalar inf = std::numeric_limits<Scalar>::infinity();
  const Tensor x(Array({1, 2, 2, 2}, {1, -inf, kNaN, -inf, 3, -inf, 2, -inf}), true);
  const Tensor y = max_pool2d(x, 2, 2);
  CHECK(y.value()[0] != y.value()[0]);
  CHECK_EQ(y.value()[1], -inf);
  y.backward(Array(y.shape(), Scalar{1}));
  CHECK_EQ(difference(x.grad(), Plain{{1, 2, 2, 2}, {0, 1, 1, 0, 0, 0, 0, 0}}, 0), "");
}

TEST_CASE("windows that mean nothing are errors that name the op") {
  const Tensor x = counting({1, 4, 4, 1});
  const auto rejects = [&](Pair kernel, Pair stride, Pair padding) {
    check_names("max_pool2d", "", [&] { max_pool2d(x, kernel, stride, padding); });
    check_names("avg_pool2d", "", [&] { avg_pool2d(x, kernel, stride, padding); });
  };
  rejects(0, 1, 0);
  rejects(2, 0, 0);
  rejects({2, 2}, {1, -1}, 0);
  rejects(2, 1, -1);
  rejects(2, 1, 2);  // more than half the kernel: a window of padding alone
  rejects(5, 1, 0);
}

TEST_CASE("images without pixels have no windows") {
  for (const Shape& shape : {Shape{1, 0, 4, 1}, Shape{1, 4, 0, 1}}) {
    const Tensor x(Array(shape), true);
    check_names("max_pool2d", shape.to_string().c_str(), [&] { max_pool2d(x, 2, 1, 1); });
    check_names("avg_pool2d", shape.to_string().c_str(), [&] { avg_pool2d(x, 2, 1, 1); });
  }
}

}  // namespace kindling::test
