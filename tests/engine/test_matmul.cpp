#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "engine/engine.h"
#include "engine/parallel.h"
#include "tests/engine/oracles.h"
#include "tests/support/errors.h"
#include "tests/support/plain.h"

// Whole numbers: a product must be exact, see test_conv.cpp.

namespace kindling::test {

namespace {

Shape turned(const Shape& s, bool turn) { return turn ? s.with(-1, s[-2]).with(-2, s[-1]) : s; }

Index pick(Random& random, Index high) {
  return static_cast<Index>(random.bits() % static_cast<std::uint64_t>(high + 1));
}

/// a (B..., N, K) and b (B..., K, M) before they are turned round as trans reads them.
void check_exact(const Shape& a_shape, const Shape& b_shape, Trans trans, Random& random) {
  const bool ta = trans == Trans::left || trans == Trans::both;
  const bool tb = trans == Trans::right || trans == Trans::both;
  const Tensor a(draw_integers(turned(a_shape, ta), 5, random), true);
  const Tensor b(draw_integers(turned(b_shape, tb), 5, random), true);
  INFO(a.shape(), ta ? "' x " : " x ", b.shape(), tb ? "'" : "");
  const Tensor c = matmul(a, b, trans);
  const Plain A = to_plain(a.value()), B = to_plain(b.value());
  CHECK_EQ(difference(c.value(), matmul_oracle(A, B, trans), 0), "");
  if (a_shape.rank() != 2 || b_shape.rank() != 2) return;
  const Array dc = draw_integers(c.shape(), 5, random);
  c.backward(dc);
  // dA = dC B' and dB = A'dC for the matrices as they are read; then turned back.
  Plain da = build(A.shape, [](const Position&) { return 0.0; });
  Plain db = build(B.shape, [](const Position&) { return 0.0; });
  const Plain d = to_plain(dc);
  for (Index i = 0; i < c.dim(0); ++i)
    for (Index j = 0; j < c.dim(1); ++j)
      for (Index k = 0; k < a_shape[1]; ++k) {
        const Position at_a = ta ? Position{k, i} : Position{i, k};
        const Position at_b = tb ? Position{j, k} : Position{k, j};
        da.at(at_a) += d.at({i, j}) * B.at(at_b);
        db.at(at_b) += d.at({i, j}) * A.at(at_a);
      }
  CHECK_EQ(difference(a.grad(), da, 0), "");
  CHECK_EQ(difference(b.grad(), db, 0), "");
}

constexpr Trans kAll[] = {Trans::none, Trans::left, Trans::right, Trans::both};

/// The same check for larger matrices, straight on the kernel and with a plain loop for an oracle.
/// No batch axis if batch is 0.
void check_kernel(Index batch, Index n, Index k, Index m, Trans trans, Random& random) {
  const bool ta = trans == Trans::left || trans == Trans::both;
  const bool tb = trans == Trans::right || trans == Trans::both;
  const auto shape = [&](Index rows, Index columns) {
    return batch > 0 ? Shape{batch, rows, columns} : Shape{rows, columns};
  };
  const Array a = draw_integers(ta ? shape(k, n) : shape(n, k), 5, random);
  const Array b = draw_integers(tb ? shape(m, k) : shape(k, m), 5, random);
  const Array c = kernels::gemm(a, b, trans);
  REQUIRE_EQ(c.shape(), shape(n, m));
  Index wrong = 0;
  std::vector<Scalar> row(static_cast<std::size_t>(m));
  for (Index i = 0; i < std::max<Index>(batch, 1) * n; ++i) {
    std::fill(row.begin(), row.end(), Scalar{0});
    const Index matrix = i / n, at = i % n;
    for (Index p = 0; p < k; ++p) {
      const Scalar x = a[matrix * n * k + (ta ? p * n + at : at * k + p)];
      for (Index j = 0; j < m; ++j)
        row[static_cast<std::size_t>(j)] += x * b[matrix * k * m + (tb ? j * k + p : p * m + j)];
    }
    for (Index j = 0; j < m; ++j) wrong += c[i * m + j] != row[static_cast<std::size_t>(j)];
  }
  CHECK_MESSAGE(wrong == 0, a.shape(), ta ? "' x " : " x ", b.shape(), tb ? "'" : "", ": ", wrong,
                " numbers differ");
}

std::string rejected(const Shape& a, const Shape& b, Trans trans = Trans::none) {
  return message_of<ShapeError>(
      [&] { matmul(Tensor(Array(a, Scalar{1})), Tensor(Array(b, Scalar{1})), trans); });
}

}  // namespace

TEST_CASE("matmul and its gradients are exact on random shapes, however the operands are read") {
  Random random(500);
  for (int i = 0; i < 75; ++i) {
    const Index n = pick(random, 24), k = pick(random, 24), m = pick(random, 67);
    for (const Trans trans : kAll) check_exact({n, k}, {k, m}, trans, random);
  }
}

TEST_CASE("matmul is exact on vectors, on nothing, and across the tiles") {
  Random random(501);
  for (const Trans trans : kAll) {
    for (const auto& [n, k, m] : std::vector<std::array<Index, 3>>{{1, 1, 1},
                                                                   {1, 50, 1},
                                                                   {50, 1, 50},
                                                                   {1, 7, 300},
                                                                   {300, 7, 1},
                                                                   {0, 3, 2},
                                                                   {3, 0, 2},
                                                                   {3, 2, 0},
                                                                   {0, 0, 0},
                                                                   {129, 5, 127},
                                                                   {127, 2, 257},
                                                                   {16, 784, 10}})
      check_exact({n, k}, {k, m}, trans, random);
  }
}

TEST_CASE("the kernel is exact for every width, height and depth around the borders of its tiles") {
  Random random(503);
  for (const Trans trans : kAll) {
    for (Index m = 0; m <= 67; ++m) {
      check_kernel(0, 9, 13, m, trans, random);
      check_kernel(0, 37, 5, m, trans, random);
    }
    for (Index n = 0; n <= 20; ++n) check_kernel(0, n, 11, 35, trans, random);
    for (const Index k : {1, 7, 8, 9, 63, 64, 65, 383, 384, 385, 767, 769, 1023, 1025, 3071, 3073})
      check_kernel(0, 10, k, 20, trans, random);
    for (const Index size : {126, 127, 128, 129, 255, 256, 257}) {
      check_kernel(0, size, 20, size, trans, random);
      check_kernel(0, 17, 390, size, trans, random);
      check_kernel(0, size, 390, 33, trans, random);
      check_kernel(3, size, 30, 70, trans, random);
    }
    for (int i = 0; i < 50; ++i)
      check_kernel(pick(random, 4), pick(random, 40), pick(random, 60), pick(random, 67), trans,
                   random);
    check_kernel(0, 300, 400, 600, trans, random);
  }
}

TEST_CASE("the kernel is exact where k is long, for short rows and for longer ones") {
  Random random(504);
  for (const Trans trans : kAll) {
    // Steps that do not fill the last depth, of every length that the operands' widths lead to.
    for (const auto& [n, m] : std::vector<std::array<Index, 2>>{
             {2, 2}, {9, 17}, {16, 32}, {33, 65}, {130, 40}, {255, 257}, {256, 257}, {70, 600}})
      for (const Index k : {129, 1021, 1030}) check_kernel(0, n, k, m, trans, random);
    // Cut along k, and not.
    for (const Index k : {3071, 3072, 5003}) {
      check_kernel(0, 1, k, 9, trans, random);
      check_kernel(0, 9, k, 1, trans, random);
      check_kernel(0, 24, k, 40, trans, random);
      check_kernel(2, 1, k, 70, trans, random);
      check_kernel(2, 12, k, 1, trans, random);
    }
    // All widths of a block of B of different depth.
    for (Index m = 60; m < 580; m += 29) check_kernel(0, 26, 1021, m, trans, random);
  }
}

TEST_CASE("a row added to every row of a product is added once") {
  Random random(505);
  for (const auto& [n, k, m] : std::vector<std::array<Index, 3>>{{1, 3, 5},
                                                                 {5, 3, 1},
                                                                 {40, 7, 32},
                                                                 {43, 7, 37},
                                                                 {70, 1100, 35},
                                                                 {8, 4000, 20},
                                                                 {3, 0, 4}})
    for (const Trans trans : kAll) {
      const bool ta = trans == Trans::left || trans == Trans::both;
      const bool tb = trans == Trans::right || trans == Trans::both;
      const Array a = draw_integers(turned({n, k}, ta), 5, random);
      const Array b = draw_integers(turned({k, m}, tb), 5, random);
      const Array row = draw_integers({m}, 5, random);
      const Array plain = kernels::gemm(a, b, trans), c = kernels::gemm(a, b, trans, row);
      Index wrong = 0;
      for (Index i = 0; i < n * m; ++i) wrong += c[i] != plain[i] + row[i % m];
      CHECK_MESSAGE(wrong == 0, a.shape(), " x ", b.shape(), ": ", wrong, " numbers differ");
    }
}

TEST_CASE("a product has the same bits for any number of threads") {
  const int before = max_threads();
  for (const auto& [n, k, m] : std::vector<std::array<Index, 3>>{{300, 800, 300},
                                                                 {300, 70, 50},
                                                                 {70, 400, 600},
                                                                 {25, 5000, 8},
                                                                 {130, 2000, 200},
                                                                 {1, 9000, 16},
                                                                 {1, 3000, 200},
                                                                 {2000, 300, 1}})
    for (const Trans trans : kAll) {
      const bool ta = trans == Trans::left || trans == Trans::both;
      const bool tb = trans == Trans::right || trans == Trans::both;
      const Array a = Random(1).normal(turned({n, k}, ta));
      const Array b = Random(2).normal(turned({k, m}, tb));
      set_threads(1);
      const Array reference = kernels::gemm(a, b, trans);
      for (const int threads : {2, 3, 5, 8}) {
        set_threads(threads);
        INFO(a.shape(), " x ", b.shape(), " with ", threads, " threads");
        CHECK(same_bits(kernels::gemm(a, b, trans), reference));
      }
    }
  set_threads(before);
}

TEST_CASE("in steady state a product allocates nothing") {
  const Array a = Random(1).normal({200, 300}), b = Random(2).normal({300, 70});
  kernels::gemm(a, b);
  [[maybe_unused]] const std::size_t before = pool_stats().system_allocs;
  for (int i = 0; i < 3; ++i) kernels::gemm(a, b);
#ifndef KINDLING_SANITIZE
  CHECK_EQ(pool_stats().system_allocs, before);
#endif
}

TEST_CASE("batches of matrices broadcast") {
  Random random(502);
  for (const Trans trans : kAll) {
    check_exact({4, 3, 5}, {4, 5, 2}, trans, random);
    check_exact({4, 3, 5}, {5, 2}, trans, random);
    check_exact({3, 5}, {4, 5, 2}, trans, random);
    check_exact({2, 1, 3, 5}, {3, 5, 2}, trans, random);
    check_exact({2, 4, 3, 5}, {5, 2}, trans, random);
    check_exact({5, 1, 3}, {3, 1}, trans, random);
    check_exact({2, 1, 3, 5}, {1, 4, 5, 2}, trans, random);
    check_exact({0, 3, 5}, {5, 2}, trans, random);
    check_exact({2, 0, 5}, {2, 5, 3}, trans, random);
    check_exact({2, 3, 0}, {2, 0, 3}, trans, random);
  }
}

TEST_CASE("what cannot be multiplied is named with both shapes") {
  for (const auto& [a, b] : std::vector<std::pair<Shape, Shape>>{
           {{2, 3}, {4, 5}}, {{3}, {3, 2}}, {{2, 3}, {}}, {{2, 4, 3}, {3, 3, 5}}}) {
    const std::string message = rejected(a, b);
    CHECK_MESSAGE((begins(message, "[matmul] ") && contains(message, a.to_string()) &&
                   contains(message, b.to_string())),
                  message);
  }
  CHECK_NE(rejected({2, 3}, {3, 2}, Trans::left), rejected({2, 3}, {3, 2}));
}

}  // namespace kindling::test
