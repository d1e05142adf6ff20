#include <doctest/doctest.h>

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "engine/engine.h"
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

std::string rejected(const Shape& a, const Shape& b, Trans trans = Trans::none) {
  return message_of<ShapeError>(
      [&] { matmul(Tensor(Array(a, Scalar{1})), Tensor(Array(b, Scalar{1})), trans); });
}

}  // namespace

TEST_CASE("matmul and its gradients are exact on random shapes, however the operands are read") {
  Random random(500);
  for (int i = 0; i < 75; ++i) {
    const Index n = pick(random, 24), k = pick(random, 24), m = pick(random, 24);
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

TEST_CASE("batches of matrices broadcast") {
  Random random(502);
  for (const Trans trans : kAll) {
    check_exact({4, 3, 5}, {4, 5, 2}, trans, random);
    check_exact({4, 3, 5}, {5, 2}, trans, random);
    check_exact({3, 5}, {4, 5, 2}, trans, random);
    check_exact({2, 1, 3, 5}, {3, 5, 2}, trans, random);
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
