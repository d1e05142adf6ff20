#include "engine/array.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <new>
#include <utility>

#include "engine/error.h"
#include "engine/storage.h"
#include "tests/support/errors.h"
#include "tests/support/plain.h"

namespace kindling::test {

namespace {

Array counting(const Shape& shape) {
  Array result(shape);
  for (Index i = 0; i < shape.size(); ++i) result.data()[i] = static_cast<Scalar>(i);
  return result;
}

const Scalar* address(const Array& array) { return array.data(); }

}  // namespace

TEST_CASE("an array that was moved from is no array") {
  Array x = counting({4});
  const Array y = std::move(x);
  CHECK_FALSE(x.defined());  // NOLINT: that is the question
  CHECK(x.values().empty());
  CHECK_EQ(x.shape(), Shape{});
  CHECK_EQ(y[3], 3);
  x = counting({2, 2});
  Array z;
  z = std::move(x);
  CHECK_FALSE(x.defined());
  CHECK_EQ(z.shape(), Shape{2, 2});
}

TEST_CASE("an array is made of a shape and values") {
  const Array x({2, 3}, {1, 2, 3, 4, 5, 6});
  CHECK_EQ(x.shape(), Shape{2, 3});
  CHECK_EQ(x.dim(-1), 3);
  CHECK_EQ(x[4], 5);
  CHECK_EQ(Array({2}, Scalar{7})[1], 7);
  CHECK_EQ(Array::scalar(3).item(), 3);
  CHECK_FALSE(Array().defined());
  CHECK(Array(Shape{0, 3}).defined());
  CHECK_EQ(Array(Shape{0, 3}).values().size(), 0);
  CHECK_EQ(IntArray({2}, {-1, 5})[0], -1);
  CHECK_EQ(ByteArray({1}, {255}).item(), 255);
}

TEST_CASE("arrays begin at a cache line") {
  for (const Index n : {1, 3, 100, 5000})
    CHECK_EQ(reinterpret_cast<std::uintptr_t>(address(Array(Shape{n}))) % 64, 0);
}

TEST_CASE("a wrong number of values is an error that names the shape") {
  CHECK(contains(message_of<ShapeError>([] { Array({2, 3}, {1, 2}); }), "(2,3)"));
  CHECK_THROWS_AS(Array({0}, {1}), ShapeError);
}

TEST_CASE("item is for one element only") {
  CHECK_EQ(Array({1, 1}, {4}).item(), 4);
  CHECK_THROWS_AS(Array({2}, {1, 2}).item(), ShapeError);
  CHECK_THROWS_AS(Array(Shape{0}).item(), ShapeError);
  CHECK_THROWS_AS(Array().item(), ShapeError);
}

TEST_CASE("copies share the buffer until one is written") {
  const Array original = counting({4});
  Array copy = original;
  CHECK_EQ(address(copy), address(original));
  CHECK_FALSE(copy.unique());
  copy.data()[0] = 100;
  CHECK_NE(address(copy), address(original));
  CHECK_EQ(original[0], 0);
  CHECK_EQ(copy[0], 100);
  CHECK_EQ(copy[3], 3);
  CHECK(original.unique());
}

TEST_CASE("an array that is held once is written in place") {
  Array x = counting({4});
  const Scalar* before = address(x);
  x.data()[2] = 9;
  CHECK_EQ(address(x), before);
  Array moved = std::move(x);
  moved.data()[1] = 8;
  CHECK_EQ(address(moved), before);
}

TEST_CASE("a reshape shares the buffer, and writing it leaves the original alone") {
  const Array x = counting({2, 6});
  Array view = x.reshape({3, -1});
  CHECK_EQ(view.shape(), Shape{3, 4});
  CHECK_EQ(address(view), address(x));
  view.data()[5] = -1;
  CHECK_EQ(x[5], 5);
  CHECK_EQ(view[5], -1);
  CHECK(begins(message_of<ShapeError>([&] { x.reshape(Shape{5}); }), "[reshape] (2,6)"));
  CHECK_THROWS_AS(x.reshape({-1, 5}), ShapeError);
}

TEST_CASE("rows are a view into the middle, and writing them leaves the original alone") {
  const Array x = counting({5, 3});
  Array rows = x.rows(1, 3);
  CHECK_EQ(rows.shape(), Shape{2, 3});
  CHECK_EQ(address(rows), address(x) + 3);
  CHECK_EQ(rows[0], 3);
  CHECK_EQ(rows.rows(1, 2)[0], 6);
  CHECK_EQ(rows.reshape({-1})[5], 8);
  rows.data()[0] = 50;
  CHECK_EQ(x[3], 3);
  CHECK_EQ(rows[0], 50);
  CHECK_EQ(rows[5], 8);
  CHECK_EQ(rows.size(), 6);
}

TEST_CASE("writing the original leaves its views alone") {
  Array x = counting({5, 3});
  const Array rows = x.rows(1, 3), flat = x.reshape({-1});
  x.data()[3] = 77;
  CHECK_EQ(rows[0], 3);
  CHECK_EQ(flat[3], 3);
}

TEST_CASE("the last view keeps the buffer alive") {
  Array rows;
  {
    const Array x = counting({5, 3});
    rows = x.rows(4, 5);
  }
  CHECK_EQ(rows[2], 14);
}

TEST_CASE("rows outside the first axis are an error") {
  const Array x = counting({5, 3});
  CHECK_EQ(x.rows(5, 5).size(), 0);
  CHECK_EQ(Array(Shape{0, 3}).rows(0, 0).shape(), Shape{0, 3});
  for (const auto& range : {std::pair<Index, Index>{-1, 2}, {0, 6}, {3, 2}, {6, 6}}) {
    CAPTURE(range.first);
    const auto rows = [&] { (void)x.rows(range.first, range.second); };
    CHECK(contains(message_of<ShapeError>(rows), "(5,3)"));
  }
  CHECK_THROWS_AS((void)Array::scalar(1).rows(0, 1), ShapeError);
}

TEST_CASE("an array shows its shape and its first elements") {
  CHECK_EQ(to_string(Array({2}, {1, 2})), "(2) [1, 2]");
  CHECK(contains(to_string(counting({20})), "..."));
  CHECK_EQ(to_string(Array()), "(undefined)");
}

TEST_CASE("more memory than there can be is std::bad_alloc") {
  CHECK_THROWS_AS(Array(Shape{Index{1} << 61}), std::bad_alloc);
}

TEST_CASE("the pool counts what is in use") {
  const PoolStats before = pool_stats();
  {
    const Array x(Shape{1000, 1000});
    const PoolStats during = pool_stats();
    CHECK_GE(during.in_use, before.in_use + 1000 * 1000 * sizeof(Scalar));
    CHECK_LE(during.in_use, before.in_use + 1000 * 1000 * sizeof(Scalar) * 5 / 4);
    CHECK_GE(during.peak, during.in_use);
    const Array shared = x, view = x.rows(3, 5);
    CHECK_EQ(pool_stats().in_use, during.in_use);
  }
  CHECK_EQ(pool_stats().in_use, before.in_use);
}

#ifndef KINDLING_SANITIZE
TEST_CASE("blocks are used again, also for nearly the same size") {
  { const Array x(Shape{12345}); }
  const PoolStats before = pool_stats();
  for (Index n = 12345; n < 12395; ++n) const Array x(Shape{n});
  CHECK_EQ(pool_stats().system_allocs, before.system_allocs);
  CHECK_EQ(pool_stats().idle, before.idle);
}

TEST_CASE("trimming the pool gives idle blocks back and leaves the others") {
  const Array x = counting({100});
  { const Array y(Shape{5000}); }
  CHECK_GT(pool_stats().idle, 0);
  const std::size_t in_use = pool_stats().in_use;
  trim_pool();
  CHECK_EQ(pool_stats().idle, 0);
  CHECK_EQ(pool_stats().in_use, in_use);
  CHECK_EQ(x[99], 99);
}
#endif

}  // namespace kindling::test
