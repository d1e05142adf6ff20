#pragma once

#include <algorithm>
#include <array>

#include "engine/kernels/simd.h"
#include "engine/scalar.h"
#include "engine/shape.h"

/// A matrix whose rows are reduced, as many rows at a time as a register has lanes:
///
///     row 0   | x x x x | x x x x | x x         one register of partial results a row
///     row 1   | x x x x | x x x x | x x    ->   | a a a a |  | b b b b |  ...
///     ...                                  ->   | a b c d |                fold_rows: one a row
///
/// Folding each register alone would take three operations for each halving of each; together they
/// take three a row. A row need not fill its last register: see RowShape. Which order a sum has
/// depends on the row's length alone.
namespace kindling::kernels {

/// Lane i is op of all lanes of rows[i]; N is the number of lanes.
template <int N, class V, class Op>
V fold_rows(const V* rows, const Op& op) {
  if constexpr (N == 1) {
    return rows[0];
  } else {
    const V a = fold_rows<N / 2>(rows, op), b = fold_rows<N / 2>(rows + N / 2, op);
    return op(simd::unzip<0>(a, b), simd::unzip<1>(a, b));
  }
}

/// How a row is cut into registers. The last one ends where the row does and may begin with numbers
/// that were seen before. A row narrower than a register is read and written beyond its end.
struct RowShape {
  static constexpr int kLanes = simd::kLanes<Scalar>;
  using V = simd::Vec<Scalar, kLanes>;

  Index width, whole, last;  ///< Numbers; those in whole registers; where the last register begins.
  decltype(V{} < V{}) fresh;  ///< Which of its lanes were not seen before.

  explicit RowShape(Index width)
      : width(width), whole(width / kLanes * kLanes), last(std::max<Index>(width - kLanes, 0)) {
    V lane;
    for (int k = 0; k < kLanes; ++k) lane[k] = static_cast<Scalar>(k);
    const Index seen = whole - last;
    fresh = whole == 0 ? lane < static_cast<Scalar>(width) : lane >= static_cast<Scalar>(seen);
  }

  bool narrow() const { return whole == 0; }

  /// The numbers of the last register, `pad` in lanes that are not fresh.
  V end(const Scalar* row, const V& pad) const { return fresh ? simd::load<V>(row + last) : pad; }
  /// out[j] = f(j) for registers of the row; `out` may be what f reads at j.
  template <class F>
  void write(Scalar* out, const F& f) const {
    V end{};
    if (whole < width) end = f(last);
    for (Index j = 0; j < whole; j += kLanes) simd::store(out + j, f(j));
    if (whole < width) simd::store(out + last, end);
  }
};

/// At most as many rows as a register has lanes, to be read; beyond their number stands the last
/// one again. Narrow rows with less than a register behind them are copied to where there is one.
struct RowGroup {
  static constexpr Index kRows = RowShape::kLanes;
  using V = RowShape::V;

  /// The first rows of `left` that begin at x. What lies behind those may be somebody else's.
  RowGroup(const RowShape& shape, const Scalar* x, Index left)
      : first(x), width(shape.width), last((std::min(left, kRows) - 1) * width) {
    if (!shape.narrow() || (left - kRows) * width >= kRows) return;
    copy.fill(0);
    std::copy_n(x, last + width, copy.data());
    first = copy.data();
  }
  RowGroup(const RowGroup&) = delete;
  const Scalar* row(Index i) const { return first + std::min(i * width, last); }

  const Scalar* first;
  Index width, last;
  alignas(64) std::array<Scalar, kRows * kRows> copy;  // kRows rows of less than kRows numbers
};

/// Reduces every row of a group: f(i, register of row i) by op. Where a register goes beyond its
/// row, f sees `pad`. One number a row.
template <class F, class Op>
RowShape::V reduce_rows(const RowShape& shape, const RowGroup& group, Scalar pad, const F& f,
                        const Op& op) {
  using V = RowShape::V;
  constexpr Index kRows = RowGroup::kRows;
  const V beyond = simd::splat<V>(pad);
  V rows[kRows];
  if (shape.narrow()) {
    for (Index i = 0; i < kRows; ++i) rows[i] = f(i, shape.end(group.row(i), beyond));
  } else {
    for (Index i = 0; i < kRows; ++i) {
      const Scalar* row = group.row(i);
      V all = f(i, simd::load<V>(row));
      for (Index j = RowShape::kLanes; j < shape.whole; j += RowShape::kLanes)
        all = op(all, f(i, simd::load<V>(row + j)));
      if (shape.whole < shape.width) all = op(all, f(i, shape.end(row, beyond)));
      rows[i] = all;
    }
  }
  return fold_rows<kRows>(rows, op);
}

}  // namespace kindling::kernels
