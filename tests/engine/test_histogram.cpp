#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "engine/engine.h"
#include "engine/parallel.h"
#include "tests/support/errors.h"
#include "tests/support/plain.h"

namespace kindling::test {

namespace {

constexpr Scalar kNaN = std::numeric_limits<Scalar>::quiet_NaN();
constexpr Scalar kInf = std::numeric_limits<Scalar>::infinity();

std::vector<int> list(const IntArray& x) { return {x.values().begin(), x.values().end()}; }
Tensor numbers(const std::vector<Scalar>& values) {
  return Tensor(Array({static_cast<Index>(values.size())}, values));
}

/// Which cell holds the value, by comparing it with every edge.
std::vector<int> naive(const Array& x, int bins, double low, double high, bool absolute) {
  std::vector<int> counts(static_cast<std::size_t>(bins), 0);
  for (const Scalar element : x.values()) {
    const double value = absolute ? std::abs(element) : element;
    if (!(value >= low && value <= high)) continue;
    int cell = bins - 1;
    while (cell > 0 && value < low + (high - low) * cell / bins) --cell;
    ++counts[static_cast<std::size_t>(cell)];
  }
  return counts;
}

}  // namespace

TEST_CASE("histogram agrees with a comparison against every edge") {
  // Multiples of 1/64 and cells whose edges are such multiples: no rounding blurs an edge.
  Random random(1);
  const Array x = (Tensor(draw_integers({50'000}, 400, random)) / 64).value();
  for (const bool absolute : {false, true})
    for (const int bins : {1, 2, 8, 64}) {
      CAPTURE(bins);
      CHECK_EQ(list(histogram(Tensor(x), bins, -4, 4, absolute)), naive(x, bins, -4, 4, absolute));
      CHECK_EQ(list(histogram(Tensor(x), bins, 0, 8, absolute)), naive(x, bins, 0, 8, absolute));
    }
}

TEST_CASE("any number of elements and of cells is counted, from the first to the last") {
  // Around the numbers that are counted at a time, and the cells that have bits to themselves.
  Random random(3);
  const Array all = (Tensor(draw_integers({10'000}, 700, random)) / 64).value();
  for (const Index n : {1, 15, 511, 512, 513, 2047, 2049, 4095, 4096, 4097, 9999})
    for (const int bins : {40, 61, 62, 63, 64, 160}) {
      CAPTURE(n);
      CAPTURE(bins);
      const Array x = all.rows(0, n);
      const double high = bins / 4.0;  // edges are multiples of a quarter
      CHECK_EQ(list(histogram(Tensor(x), bins, 0, static_cast<Scalar>(high), true)),
               naive(x, bins, 0, high, true));
      CHECK_EQ(list(histogram(Tensor(x), bins, -5, static_cast<Scalar>(high - 5))),
               naive(x, bins, -5, high - 5, false));
    }
}

TEST_CASE("a cell may hold everything") {
  for (const int bins : {1, 40, 100})
    for (int cell = 0; cell < bins; cell += 13) {
      const Array x(Shape{300'000}, static_cast<Scalar>(cell) + Scalar{0.5});
      std::vector<int> want(static_cast<std::size_t>(bins), 0);
      want[static_cast<std::size_t>(cell)] = 300'000;
      CHECK_EQ(list(histogram(Tensor(x), bins, 0, static_cast<Scalar>(bins))), want);
    }
}

TEST_CASE("edges belong to the cell on their right, the last one to the last cell") {
  CHECK_EQ(list(histogram(numbers({0, 1, 2, 3, 4}), 4, 0, 4)), std::vector<int>{1, 1, 1, 2});
  CHECK_EQ(list(histogram(numbers({0, 0.25, 0.5, 0.75, 1}), 2, 0, 1)), std::vector<int>{2, 3});
}

TEST_CASE("what lies outside or is not a number is not counted") {
  const Tensor x = numbers({-1, -0.0, 0.5, 1.5, kNaN, kInf, -kInf, 1});
  CHECK_EQ(list(histogram(x, 2, 0, 1)), std::vector<int>{1, 2});
  CHECK_EQ(list(histogram(x, 2, 0, 1, true)), std::vector<int>{1, 3});
}

TEST_CASE("nothing is counted in nothing") {
  CHECK_EQ(list(histogram(Tensor(Array(Shape{0})), 3, 0, 1)), std::vector<int>{0, 0, 0});
}

TEST_CASE("the shape of what is counted does not matter") {
  CHECK_EQ(list(histogram(Tensor(Scalar{0.5}), 2, 0, 1)), std::vector<int>{0, 1});
  CHECK_EQ(list(histogram(Tensor(Array({2, 3, 2}, Scalar{0.1})), 2, 0, 1)),
           std::vector<int>{12, 0});
}

TEST_CASE("any number of threads counts the same") {
  const int threads = max_threads();
  const Tensor x(Random(2).normal({500'001}));
  std::vector<std::vector<int>> counts;
  for (const int n : {1, 2, 4}) {
    set_threads(n);
    counts.push_back(list(histogram(x, 50, -3, 3)));
  }
  set_threads(threads);
  CHECK_EQ(counts[1], counts[0]);
  CHECK_EQ(counts[2], counts[0]);
  Index total = 0, inside = 0;
  for (const int count : counts[0]) total += count;
  for (const Scalar value : x.value().values()) inside += value >= -3 && value <= 3;
  CHECK_EQ(total, inside);
}

TEST_CASE("a histogram without cells or without a range is an error") {
  const Tensor none{Array(Shape{0})};
  CHECK(begins(message_of([&] { histogram(none, 0, 0, 1); }), "[histogram] "));
  CHECK(begins(message_of([&] { histogram(none, -5, 0, 1); }), "[histogram] "));
  CHECK(begins(message_of([&] { histogram(none, 4, 1, 1); }), "[histogram] "));
  CHECK(begins(message_of([&] { histogram(none, 4, 2, 1); }), "[histogram] "));
  CHECK(begins(message_of([&] { histogram(none, 4, kNaN, 1); }), "[histogram] "));
}

TEST_CASE("a histogram over a range too narrow to be divided is an error") {
  const Scalar tiny = std::numeric_limits<Scalar>::denorm_min();
  const Tensor x(Array({2}, {Scalar{0}, tiny}));
  CHECK(contains(message_of<Error>([&] { histogram(x, 10, 0, tiny); }), "too narrow for 10 bins"));
}

TEST_CASE("a histogram over an infinite range is an error") {
  const Tensor none{Array(Shape{0})};  // nothing to count: a cell cannot be computed by accident
  CHECK(begins(message_of([&] { histogram(none, 4, -kInf, kInf); }), "[histogram] "));
  CHECK(begins(message_of([&] { histogram(none, 4, 0, kInf); }), "[histogram] "));
  constexpr Scalar kMost = std::numeric_limits<Scalar>::max();
  CHECK(begins(message_of([&] { histogram(none, 4, -kMost, kMost); }), "[histogram] "));
}

TEST_CASE("one pass finds what three find") {
  // Far from zero, where sums of squares would have lost every digit of the deviation.
  for (const Scalar offset : {0, 1000}) {
    const Array x = (Tensor(Random(5).normal({300, 1001})) + offset).value();
    const Distribution seen = distribution(Tensor(x), 40, offset, offset + 3, true);
    double mean = 0, squares = 0;
    for (const Scalar value : x.values()) mean += value / static_cast<double>(x.size());
    for (const Scalar value : x.values()) squares += (value - mean) * (value - mean);
    const double deviation = std::sqrt(squares / static_cast<double>(x.size() - 1));
    CHECK(seen.mean == doctest::Approx(mean).epsilon(1e-6).scale(1));
    CHECK(seen.stddev == doctest::Approx(deviation).epsilon(1e-5));
    CHECK_EQ(list(seen.counts), list(histogram(Tensor(x), 40, offset, offset + 3, true)));
  }
}

TEST_CASE("any number of threads sees the same distribution") {
  const int threads = max_threads();
  const Tensor x(Random(6).normal({1'000'003}));
  const Distribution reference = distribution(x, 40, 0, 10, true);
  for (const int n : {1, 2, 8}) {
    set_threads(n);
    const Distribution seen = distribution(x, 40, 0, 10, true);
    CHECK_EQ(seen.mean, reference.mean);
    CHECK_EQ(seen.stddev, reference.stddev);
    CHECK_EQ(list(seen.counts), list(reference.counts));
  }
  set_threads(threads);
}

TEST_CASE("few elements have a distribution where one is defined") {
  const Distribution two = distribution(numbers({1, 3}), 4, 0, 4);
  CHECK_EQ(two.mean, 2);
  CHECK(two.stddev == doctest::Approx(std::sqrt(2.0)));
  CHECK_EQ(list(two.counts), std::vector<int>{0, 1, 0, 1});
  CHECK(std::isnan(distribution(numbers({1}), 4, 0, 4).stddev));
  CHECK(std::isnan(distribution(numbers({}), 4, 0, 4).mean));
  CHECK(std::isinf(distribution(numbers({1, kInf}), 4, 0, 4).mean));
  CHECK(begins(message_of([] { distribution(numbers({1}), 0, 0, 4); }), "[distribution] "));
  CHECK(contains(message_of([] { histogram(numbers({1}), (1 << 20) + 1, 0, 4); }),
                 "1 to 1048576 bins expected, got 1048577"));
}

}  // namespace kindling::test
