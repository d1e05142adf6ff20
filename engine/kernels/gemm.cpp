#include "engine/kernels/gemm.h"

#include <Eigen/Core>
#include <algorithm>

#include "engine/parallel.h"

namespace kindling::kernels {

namespace {

using Matrix = Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using View = Eigen::Map<Matrix>;
using ConstView = Eigen::Map<const Matrix>;

/// Rows or columns of the result that one task computes: wide enough that packing the other operand
/// again for every task is cheap beside the arithmetic.
constexpr Index kTile = 128;

/// Calls f(A, B) with both operands as the product needs them.
template <class F>
void transposed(const ConstView& a, const ConstView& b, Trans trans, const F& f) {
  switch (trans) {
    case Trans::none:
      return f(a, b);
    case Trans::left:
      return f(a.transpose(), b);
    case Trans::right:
      return f(a, b.transpose());
    case Trans::both:
      return f(a.transpose(), b.transpose());
  }
}

}  // namespace

Array gemm(const Array& a, const Array& b, Trans trans) {
  const bool ta = trans == Trans::left || trans == Trans::both;
  const bool tb = trans == Trans::right || trans == Trans::both;
  const Index batch = a.rank() == 3 ? a.dim(0) : 1;
  const Index a_rows = a.dim(-2), a_cols = a.dim(-1), b_rows = b.dim(-2), b_cols = b.dim(-1);
  const Index n = ta ? a_cols : a_rows, k = ta ? a_rows : a_cols, m = tb ? b_rows : b_cols;
  Array c = a.rank() == 3 ? Array(Shape{batch, n, m}) : Array(Shape{n, m});
  if (c.size() == 0) return c;

  // Tasks are stripes of the result across its longer side.
  const bool by_rows = n >= m;
  const Index stripes = ((by_rows ? n : m) + kTile - 1) / kTile;
  const Scalar* a_data = a.data();
  const Scalar* b_data = b.data();
  Scalar* c_data = c.data();
  parallel_for(batch * stripes, batch * n * m * std::max<Index>(k, 1), [&](Index task) {
    const Index i = task / stripes, begin = task % stripes * kTile;
    const Index length = std::min(kTile, (by_rows ? n : m) - begin);
    const ConstView av(a_data + i * n * k, a_rows, a_cols);
    const ConstView bv(b_data + i * k * m, b_rows, b_cols);
    View cv(c_data + i * n * m, n, m);
    transposed(av, bv, trans, [&](const auto& left, const auto& right) {
      if (by_rows)
        cv.middleRows(begin, length).noalias() = left.middleRows(begin, length) * right;
      else
        cv.middleCols(begin, length).noalias() = left * right.middleCols(begin, length);
    });
  });
  return c;
}

}  // namespace kindling::kernels
