#include "engine/ops/matmul.h"

#include "engine/error.h"
#include "engine/kernels/elementwise.h"
#include "engine/tape.h"

namespace kindling {

namespace {

const Op kMatmul{"matmul"};

Shape batch_of(const Shape& shape) {
  return Shape(shape.dims().subspan(0, static_cast<std::size_t>(shape.rank()) - 2));
}

/// The batch axes followed by the two of a matrix.
Shape matrices(const Shape& batch, Index rows, Index columns) {
  RecycledVector<Index> dims(batch.begin(), batch.end());
  dims.push_back(rows);
  dims.push_back(columns);
  return Shape(std::span<const Index>(dims));
}

/// Repeated over the whole batch, and the batch axes made one: (B, rows, columns).
Array batched(const Array& x, const Shape& batch) {
  const Index rows = x.dim(-2), columns = x.dim(-1);
  return kernels::expand(x, matrices(batch, rows, columns))
      .reshape(Shape{batch.size(), rows, columns});
}

/// C = A B with A, B or both read transposed (A', B'): the gradients are products of the same three
/// matrices, so nothing is ever copied into its transpose.
Array gradient_left(const Array& b, const Array& dc, Trans trans) {
  switch (trans) {
    case Trans::none:
      return kernels::gemm(dc, b, Trans::right);  // C = A B:   dA = dC B'
    case Trans::left:
      return kernels::gemm(b, dc, Trans::right);  // C = A'B:   dA = B dC'
    case Trans::right:
      return kernels::gemm(dc, b);  // C = A B':  dA = dC B
    default:
      return kernels::gemm(b, dc, Trans::both);  // C = A'B':  dA = B'dC'
  }
}
Array gradient_right(const Array& a, const Array& dc, Trans trans) {
  switch (trans) {
    case Trans::none:
      return kernels::gemm(a, dc, Trans::left);  // C = A B:   dB = A'dC
    case Trans::left:
      return kernels::gemm(a, dc);  // C = A'B:   dB = A dC
    case Trans::right:
      return kernels::gemm(dc, a, Trans::left);  // C = A B':  dB = dC'A
    default:
      return kernels::gemm(dc, a, Trans::both);  // C = A'B':  dB = dC'A'
  }
}

}  // namespace

Tensor matmul(const Tensor& a, const Tensor& b, Trans trans) {
  check(a.rank() >= 2 && b.rank() >= 2, "matmul", a.shape(), " x ", b.shape(),
        ": both operands need at least two axes");
  const bool ta = trans == Trans::left || trans == Trans::both;
  const bool tb = trans == Trans::right || trans == Trans::both;
  check(a.dim(ta ? -2 : -1) == b.dim(tb ? -1 : -2), "matmul", a.shape(), ta ? "' x " : " x ",
        b.shape(), tb ? "'" : "", ": the inner extents ", a.dim(ta ? -2 : -1), " and ",
        b.dim(tb ? -1 : -2), " differ");
  // A single matrix is a batch of one. What the batch repeats, the engine sums up again.
  const Shape left = batch_of(a.shape()), right = batch_of(b.shape());
  check(broadcasts(left, right), "matmul", a.shape(), " x ", b.shape(), ": the batches ", left,
        " and ", right, " do not broadcast");
  const Shape batch = broadcast_shapes("matmul", left, right);
  // Many matrices times one are one matrix of many rows: then the one is not repeated, and its
  // gradient is summed up inside the product.
  const bool stacked = right.rank() == 0 && !ta;
  const Array A = stacked ? a.value().reshape({1, left.size() * a.dim(-2), a.dim(-1)})
                          : batched(a.value(), batch);
  const Array B = batched(b.value(), stacked ? Shape{} : batch);
  const Array c = kernels::gemm(A, B, trans);
  const auto whole = [&](const Tensor& x) {
    return stacked ? x.shape() : matrices(batch, x.dim(-2), x.dim(-1));
  };
  return record(
      kMatmul, c.reshape(matrices(batch, ta ? a.dim(-1) : a.dim(-2), c.dim(2))), {a, b},
      [A, B, trans, da = whole(a), db = whole(b), flat = c.shape()](const Array& dy, Grads& grads) {
        const Array dc = dy.reshape(flat);
        if (grads.needs(0)) grads.add(0, gradient_left(B, dc, trans).reshape(da));
        if (grads.needs(1)) grads.add(1, gradient_right(A, dc, trans).reshape(db));
      });
}

}  // namespace kindling
