#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "engine/engine.h"
#include "tests/engine/oracles.h"
#include "tests/support/errors.h"
#include "tests/support/plain.h"

namespace kindling::test {

namespace {

constexpr Scalar kNaN = std::numeric_limits<Scalar>::quiet_NaN();
constexpr Scalar kInf = std::numeric_limits<Scalar>::infinity();

Tensor leaf(const Shape& shape, std::initializer_list<Scalar> values) {
  return Tensor(Array(shape, values), true);
}
std::vector<int> list(const IntArray& x) { return {x.values().begin(), x.values().end()}; }
std::vector<Scalar> list(const Array& x) { return {x.values().begin(), x.values().end()}; }

double naive_sum(const std::vector<double>& x) {
  double total = 0;
  for (const double value : x) total += value;
  return total;
}

}  // namespace

TEST_CASE("the sum of ten million numbers is accurate") {
  const Array x = Random(1).uniform({10'000'000});
  long double exact = 0;
  for (const Scalar value : x.values()) exact += value;
  const auto relative = [&](Scalar got) { return std::abs(static_cast<double>(got / exact - 1)); };
  CHECK_LT(relative(sum(Tensor(x)).item()), 1e-6);
  CHECK_LT(relative(mean(Tensor(x)).item() * Scalar{1e7}), 1e-6);
  const Array rows = sum(Tensor(x.reshape({-1, 10})), {0}).value();
  CHECK_LT(relative(sum(Tensor(rows)).item()), 1e-5);
}

TEST_CASE("reductions agree with the oracle at every split into outer, reduced and inner") {
  Random random(2);
  for (const Index outer : {1, 3})
    for (const Index n : {1, 2, 3, 17, 5000})
      for (const Index inner : {1, 2, 100, 8191, 8193, 16385, 40000}) {
        if (outer * n * inner > 200'000) continue;
        CAPTURE(outer);
        CAPTURE(n);
        CAPTURE(inner);
        const Array x = draw_integers({outer, n, inner}, 9, random);
        const Plain plain = to_plain(x);
        CHECK_EQ(
            difference(sum(Tensor(x), {1}).value(), reduce_oracle(naive_sum, plain, {1}, false), 0),
            "");
        CHECK_EQ(difference(max(Tensor(x), {1}).value(),
                            reduce_oracle(
                                [](const std::vector<double>& v) {
                                  double most = v[0];
                                  for (const double value : v) most = std::max(most, value);
                                  return most;
                                },
                                plain, {1}, false),
                            0),
                 "");
      }
}

TEST_CASE("rows of any width are summed and searched, the last ones too") {
  Random random(8);
  for (const Index width : {1, 2, 7, 8, 9, 10, 16, 17, 31, 64, 100, 1023, 1024, 1025})
    for (const Index rows : {2, 15, 16, 17, 100}) {
      CAPTURE(width);
      CAPTURE(rows);
      const Array x = draw_integers({rows, width}, 9, random);
      const Array sums = sum(Tensor(x), {1}).value(), most = max(Tensor(x), {1}).value();
      for (Index i = 0; i < rows; ++i) {
        const Scalar* row = x.data() + i * width;
        Scalar want = 0;
        for (Index j = 0; j < width; ++j) want += row[j];
        CHECK_EQ(sums[i], want);
        CHECK_EQ(most[i], *std::max_element(row, row + width));
      }
      Array broken = x;
      broken.data()[(rows - 1) * width + width / 2] = kNaN;
      const Array found = max(Tensor(broken), {1}).value();
      CHECK(std::isnan(found[rows - 1]));
      CHECK_EQ(found[rows - 2], most[rows - 2]);
    }
}

TEST_CASE("the variance of numbers far from zero is accurate") {
  const Array noise = Random(3).normal({100'000});
  const double expected = var(Tensor(noise)).item();
  const Tensor far = Tensor(noise) + 1000;
  CHECK_LT(std::abs(var(far).item() / expected - 1), sizeof(Scalar) == 8 ? 1e-9 : 1e-3);
  CHECK_EQ(var(Tensor(Array({1000}, Scalar{12345}))).item(), 0);
}

TEST_CASE("too few elements for a variance is not a number") {
  CHECK(std::isnan(var(Tensor(Array::scalar(1))).item()));
  CHECK_EQ(var(Tensor(Array::scalar(1)), {}, 0).item(), 0);
  CHECK(std::isnan(stddev(Tensor(Array(Shape{0}))).item()));
  CHECK(std::isnan(mean(Tensor(Array(Shape{0}))).item()));
  CHECK_EQ(sum(Tensor(Array(Shape{0}))).item(), 0);
}

TEST_CASE("where the deviation is zero its gradient is zero") {
  const Tensor x = leaf({2, 2}, {3, 3, 1, 2});
  sum(stddev(x, {1})).backward();
  CHECK_EQ(x.grad()[0], 0);
  CHECK_EQ(x.grad()[1], 0);
  CHECK_LT(x.grad()[2], 0);
}

TEST_CASE("equal maxima share the gradient evenly") {
  const Tensor x = leaf({2, 4}, {5, 1, 5, 2, 7, 7, 7, 7});
  max(x, {1}).backward(Array({2}, {1, 8}));
  CHECK_EQ(list(x.grad()), std::vector<Scalar>{0.5, 0, 0.5, 0, 2, 2, 2, 2});
}

TEST_CASE("a NaN is the maximum, wherever it stands") {
  for (const Index n : {1, 7, 64, 1000})
    for (const Index at : {Index{0}, n / 2, n - 1}) {
      Array x({n}, Scalar{5});
      x.data()[at] = kNaN;
      CHECK(std::isnan(max(Tensor(x)).item()));
      CHECK_EQ(argmax(Tensor(x)).item(), at);
      CHECK(std::isnan(max(Tensor(x.reshape({n, 1}))).item()));
      const Array columns =
          max(concat({Tensor(x.reshape({n, 1})), Tensor(Array({n, 2}, 1))}, 1), {0}).value();
      CHECK(std::isnan(columns[0]));
      CHECK_EQ(columns[1], 1);
    }
}

TEST_CASE("the maximum may be minus infinity") {
  CHECK_EQ(max(Tensor(Array({3}, -kInf))).item(), -kInf);
  CHECK_EQ(argmax(Tensor(Array({3}, -kInf))).item(), 0);
  CHECK_EQ(max(Tensor(Array({3}, {-kInf, -3, -5}))).item(), -3);
}

TEST_CASE("argmax over several axes counts row by row, also with axes between them") {
  Array x(Shape{2, 3, 4}, Scalar(0));
  x.data()[1 * 12 + 2 * 4 + 3] = 5;  // (1, 2, 3)
  x.data()[0 * 12 + 1 * 4 + 2] = 4;  // (0, 1, 2)
  CHECK_EQ(argmax(Tensor(x), Axes{}).item(), 23);
  CHECK_EQ(list(argmax(Tensor(x), {1, 2})), std::vector<int>{1 * 4 + 2, 2 * 4 + 3});
  CHECK_EQ(list(argmax(Tensor(x), {0, 2})), std::vector<int>{0, 2, 1 * 4 + 3});
  CHECK_EQ(argmax(Tensor(x), {0, 2}, true).shape(), Shape{1, 3, 1});
}

TEST_CASE("an infinite gradient goes to the maximum alone too") {
  Tensor x(Array({2, 3}, {1, 5, 2, 4, 0, 4}), true);
  max(x, {1}).backward(Array({2}, {kInf, -kInf}));
  CHECK_EQ(difference(x.grad(), Plain{{2, 3}, {0, kInf, 0, -kInf, 0, -kInf}}, 0), "");
}

TEST_CASE("the gradient of an infinite maximum goes to it alone") {
  for (const Scalar infinite : {kInf, -kInf}) {
    Tensor x(Array({3}, {infinite == kInf ? 1 : -kInf, infinite, infinite == kInf ? 2 : -kInf}),
             true);
    max(x).backward();
    const Scalar rest = infinite == kInf ? 0 : Scalar(1) / 3;
    CHECK_EQ(x.grad()[0], rest);
    CHECK_EQ(x.grad()[1], infinite == kInf ? 1 : rest);
    CHECK_EQ(x.grad()[2], rest);
  }
}

TEST_CASE("argmax is the first of equal maxima, along any axis") {
  const Tensor x = leaf({2, 3}, {1, 4, 4, 4, 2, 4});
  CHECK_EQ(list(argmax(x)), std::vector<int>{1, 0});
  CHECK_EQ(list(argmax(x, 0)), std::vector<int>{1, 0, 0});
  CHECK_EQ(argmax(x, 1, true).shape(), Shape{2, 1});
  CHECK_EQ(argmax(Tensor(Array({2, 3, 5}, Scalar{0})), 1).shape(), Shape{2, 5});
  CHECK_EQ(argmax(Tensor(Array(Shape{0, 3})), 1).size(), 0);
}

TEST_CASE("the first of several NaNs is the argmax") {
  CHECK_EQ(argmax(leaf({4}, {9, kNaN, kInf, kNaN})).item(), 1);
}

TEST_CASE("bad axes and empty maxima are errors that name the op and the shape") {
  const Tensor x = leaf({2, 3}, {1, 2, 3, 4, 5, 6}), empty{Array(Shape{0, 3})};
  for (const int axis : {2, -3}) {
    CHECK(begins(message_of<ShapeError>([&] { sum(x, {axis}); }), "[sum] (2,3)"));
    CHECK(begins(message_of<ShapeError>([&] { mean(x, {axis}); }), "[mean] (2,3)"));
    CHECK(begins(message_of<ShapeError>([&] { var(x, {axis}); }), "[var] (2,3)"));
    CHECK(begins(message_of<ShapeError>([&] { stddev(x, {axis}); }), "[stddev] (2,3)"));
    CHECK(begins(message_of<ShapeError>([&] { max(x, {axis}); }), "[max] (2,3)"));
    CHECK(begins(message_of<ShapeError>([&] { argmax(x, axis); }), "[argmax] (2,3)"));
  }
  CHECK(begins(message_of<ShapeError>([&] { sum(x, {1, -1}); }), "[sum] (2,3)"));
  CHECK(begins(message_of<ShapeError>([&] { max(empty, {0}); }), "[max] (0,3)"));
  CHECK(begins(message_of<ShapeError>([&] { max(empty); }), "[max] (0,3)"));
  CHECK(begins(message_of<ShapeError>([&] { argmax(empty, 0); }), "[argmax] (0,3)"));
}

}  // namespace kindling::test
