#include "engine/shape.h"

#include <doctest/doctest.h>

#include <limits>
#include <vector>

#include "engine/error.h"
#include "tests/support/errors.h"

namespace kindling::test {

namespace {

Shape resolved(const Shape& from, const std::vector<Index>& to) {
  return resolve_reshape("reshape", from, to);
}

}  // namespace

TEST_CASE("an error is one line, whatever it quotes") {
  CHECK(std::string(Error("a 'b\n\x1b[31m\x7f' \tc").what()) == "a 'b\\x0a\\x1b[31m\\x7f' \\x09c");
  // Latin-1's, which UTF-8 spells in two bytes; and its letters, which it spells so too.
  CHECK(one_line("\xc2\x9b"
                 "31m \xc2\x80\xc2\x9f") == "\\xc2\\x9b31m \\xc2\\x80\\xc2\\x9f");
  CHECK(one_line("\xc2\xa0\xc3\x9f\xc3\x82 \xe2\x9b\x84") ==
        "\xc2\xa0\xc3\x9f\xc3\x82 \xe2\x9b\x84");
  CHECK(one_line("\xc2") == "\xc2");
  CHECK(std::string(Error("größer").what()) == "größer");
  const std::string cut = ShapeError(std::string(5000, 'x')).what();
  CHECK(cut == std::string(4000, 'x') + " ...");
}

TEST_CASE("a shape knows its extents, its rank and its size") {
  const Shape shape{8, 28, 1};
  CHECK_EQ(shape.rank(), 3);
  CHECK_EQ(shape.size(), 224);
  CHECK_EQ(shape[0], 8);
  CHECK_EQ(shape[-1], 1);
  CHECK_EQ(shape[-3], 8);
  CHECK_EQ(shape.normalize(-2), 1);
  CHECK_EQ(shape.to_string(), "(8,28,1)");
  CHECK_EQ(shape.with(-2, 5), Shape{8, 5, 1});
  CHECK_EQ(std::vector<Index>(shape.begin(), shape.end()), std::vector<Index>{8, 28, 1});
}

TEST_CASE("a scalar has rank 0 and size 1, an empty axis makes size 0") {
  CHECK_EQ(Shape{}.rank(), 0);
  CHECK_EQ(Shape{}.size(), 1);
  CHECK_EQ(Shape{}.to_string(), "()");
  CHECK_EQ(Shape{3, 0, 2}.size(), 0);
  CHECK_NE(Shape{}, Shape{1});
  CHECK_NE(Shape{0, 3}, Shape{3, 0});
}

TEST_CASE("there is no axis beyond the rank") {
  const Shape shape{2, 3};
  for (const int axis : {2, -3, 100}) {
    CAPTURE(axis);
    CHECK(contains(message_of<ShapeError>([&] { (void)shape[axis]; }), "(2,3)"));
    CHECK_THROWS_AS((void)shape.normalize(axis), ShapeError);
    CHECK_THROWS_AS((void)shape.with(axis, 1), ShapeError);
  }
  CHECK_THROWS_AS((void)Shape{}[0], ShapeError);
  CHECK_THROWS_AS((void)Shape{}[-1], ShapeError);
}

TEST_CASE("absurd shapes cannot be made") {
  constexpr Index kHuge = Index{1} << 40;
  CHECK_THROWS_AS((Shape{2, -1}), ShapeError);
  CHECK_THROWS_AS((Shape{kHuge, kHuge}), ShapeError);
  CHECK_THROWS_AS((Shape{kHuge, 0, kHuge}), ShapeError);  // its strides would overflow
  CHECK_THROWS_AS((Shape{std::numeric_limits<Index>::min()}), ShapeError);
  CHECK_THROWS_AS((Shape{1, 1, 1, 1, 1, 1, 1, 1, 1}), ShapeError);
  CHECK_NOTHROW((Shape{1, 1, 1, 1, 1, 1, 1, 1}));
  CHECK_EQ(Shape{std::numeric_limits<Index>::max()}.size(), std::numeric_limits<Index>::max());
  CHECK_THROWS_AS((Shape{kHuge}.with(0, -2)), ShapeError);
}

TEST_CASE("broadcasting follows NumPy's rule") {
  const auto both = [](const Shape& a, const Shape& b) {
    const Shape one = broadcast_shapes("add", a, b), other = broadcast_shapes("add", b, a);
    CHECK_EQ(one, other);
    return one;
  };
  CHECK_EQ(both({}, {}), Shape{});
  CHECK_EQ(both({3, 4}, {}), Shape{3, 4});
  CHECK_EQ(both({3, 4}, {4}), Shape{3, 4});
  CHECK_EQ(both({3, 1}, {1, 4}), Shape{3, 4});
  CHECK_EQ(both({5, 1, 3, 1}, {3, 4}), Shape{5, 1, 3, 4});
  CHECK_EQ(both({0, 3}, {1, 3}), Shape{0, 3});
  CHECK_EQ(both({1}, {0}), Shape{0});
}

TEST_CASE("shapes that do not broadcast are named, with the op, the axis and the extents") {
  const std::string message = message_of<ShapeError>([] {
    broadcast_shapes("add", {2, 3, 4}, {2, 4});
  });
  CHECK(begins(message, "[add] (2,3,4) and (2,4): axis -2"));
  CHECK(contains(message, "3 against 2"));
  CHECK_THROWS_AS(broadcast_shapes("add", {0}, {2}), ShapeError);
}

TEST_CASE("axes are sorted and counted from the front") {
  CHECK_EQ(normalize_axes("sum", {2, 3, 4}, {}), Axes{0, 1, 2});
  CHECK_EQ(normalize_axes("sum", {2, 3, 4}, {-1, 0}), Axes{0, 2});
  CHECK_EQ(normalize_axes("sum", {}, {}), Axes{});
  for (const Axes& bad : {Axes{3}, Axes{-4}, Axes{0, 0}, Axes{1, -2}})
    CHECK(begins(message_of<ShapeError>([&] {
                   normalize_axes("sum", {2, 3, 4}, bad);
                 }),
                 "[sum] (2,3,4): "));
  CHECK_THROWS_AS(normalize_axes("sum", {}, {0}), ShapeError);
}

TEST_CASE("reduced axes go, or stay with extent 1") {
  CHECK_EQ(reduced_shape({2, 3, 4}, {0, 2}, false), Shape{3});
  CHECK_EQ(reduced_shape({2, 3, 4}, {0, 2}, true), Shape{1, 3, 1});
  CHECK_EQ(reduced_shape({2, 3}, {0, 1}, false), Shape{});
  CHECK_EQ(reduced_shape({0, 3}, {0}, true), Shape{1, 3});
}

TEST_CASE("a reshape may leave one extent open") {
  CHECK_EQ(resolved({2, 6}, {3, -1}), Shape{3, 4});
  CHECK_EQ(resolved({2, 6}, {-1}), Shape{12});
  CHECK_EQ(resolved({}, {-1, 1}), Shape{1, 1});
  CHECK_EQ(resolved({1}, {}), Shape{});
  CHECK_EQ(resolved({0, 3}, {-1}), Shape{0});
  CHECK_EQ(resolved({2, 0}, {0, 5}), Shape{0, 5});
}

TEST_CASE("a reshape that does not fit names the op and both shapes") {
  for (const auto& to : std::vector<std::vector<Index>>{
           {5}, {-1, 5}, {-1, -1}, {3, -2}, {-2, -6}, {0, -1}, {}, {12, 0}}) {
    const std::string message = message_of<ShapeError>([&] { resolved({2, 6}, to); });
    CHECK_MESSAGE(begins(message, "[reshape] (2,6) cannot become ("), message);
  }
  CHECK_THROWS_AS(resolved({0}, {0, -1}), ShapeError);  // any extent would do
}

TEST_CASE("the number of windows is PyTorch's") {
  CHECK_EQ(window_extent(28, 5, 2, 2), 14);
  CHECK_EQ(window_extent(5, 3, 1, 0), 3);
  CHECK_EQ(window_extent(2, 3, 2, 1), 1);
  CHECK_EQ(window_extent(2, 3, 1, 0), 0);  // nothing fits
  CHECK_EQ(window_extent(7, 2, 2, 0), 3);
  CHECK_EQ(window_extent(7, 2, 2, 0, true), 4);
  CHECK_EQ(window_extent(6, 2, 2, 0, true), 3);
  // The last window would lie in the padding alone: dropped.
  CHECK_EQ(window_extent(5, 2, 3, 1, true), 2);
}

}  // namespace kindling::test
