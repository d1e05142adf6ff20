#include "engine/kernels/layout.h"

#include <algorithm>
#include <array>

#include "engine/kernels/math.h"
#include "engine/parallel.h"

namespace kindling::kernels {

namespace {

/// An array seen along one axis: (outer, n, inner).
struct AlongAxis {
  Index outer = 1, n = 1, inner = 1;
  AlongAxis(const Shape& shape, int axis) : n(shape[axis]) {
    for (int i = 0; i < axis; ++i) outer *= shape[i];
    for (int i = axis + 1; i < shape.rank(); ++i) inner *= shape[i];
  }
};

/// Copies `outer` blocks of `block` elements between two pitches; long ones in pieces, so that also
/// a single block is shared among the threads.
void copy_blocks(const Scalar* in, Index in_pitch, Scalar* out, Index out_pitch, Index outer,
                 Index block) {
  if (block <= kChunk) {
    parallel_for(outer, outer * block,
                 [=](Index o) { std::copy_n(in + o * in_pitch, block, out + o * out_pitch); });
    return;
  }
  const Index pieces = (block + kChunk - 1) / kChunk;
  parallel_for(outer * pieces, outer * block, [=](Index i) {
    const Index o = i / pieces, begin = i % pieces * kChunk;
    std::copy_n(in + o * in_pitch + begin, std::min(kChunk, block - begin),
                out + o * out_pitch + begin);
  });
}

}  // namespace

Array slice(const Array& x, int axis, Index begin, Index end) {
  if (axis == 0) return x.rows(begin, end);
  const AlongAxis from(x.shape(), axis);
  Array y(x.shape().with(axis, end - begin));
  copy_blocks(x.data() + begin * from.inner, from.n * from.inner, y.data(),
              (end - begin) * from.inner, from.outer, (end - begin) * from.inner);
  return y;
}

Array unslice(const Array& y, const Shape& shape, int axis, Index begin) {
  const AlongAxis to(shape, axis);
  Array x(shape, Scalar{0});
  const Index block = y.dim(axis) * to.inner;
  copy_blocks(y.data(), block, x.data() + begin * to.inner, to.n * to.inner, to.outer, block);
  return x;
}

Array concat(const std::vector<Array>& xs, int axis) {
  Index total = 0;
  for (const Array& x : xs) total += x.dim(axis);
  Array y(xs.front().shape().with(axis, total));
  Scalar* out = y.data();
  const AlongAxis to(y.shape(), axis);
  for (const Array& x : xs) {
    const Index block = x.dim(axis) * to.inner;
    copy_blocks(x.data(), block, out, to.n * to.inner, to.outer, block);
    out += block;
  }
  return y;
}

Array gather_rows(const Array& x, const IntArray& rows) {
  std::vector<Index> dims(rows.shape().begin(), rows.shape().end());
  dims.insert(dims.end(), x.shape().begin() + 1, x.shape().end());
  Array y{Shape(std::span<const Index>(dims))};
  const Index row = x.dim(0) == 0 ? 0 : x.size() / x.dim(0);
  const Scalar* in = x.data();
  const std::int32_t* at = rows.data();
  Scalar* out = y.data();
  parallel_for(rows.size(), y.size(),
               [&](Index i) { std::copy_n(in + at[i] * row, row, out + i * row); });
  return y;
}

Array scatter_rows(const Array& y, const IntArray& rows, const Shape& shape) {
  Array x(shape, Scalar{0});
  const Index row = shape[0] == 0 ? 0 : shape.size() / shape[0];
  const Scalar* in = y.data();
  Scalar* out = x.data();
  // Rows repeat, so the order of i matters; threads share the columns instead.
  constexpr Index kColumns = 256;
  parallel_chunks(row, kColumns, y.size(), [&](Index begin, Index end) {
    for (Index i = 0; i < rows.size(); ++i)
      math::Run(out + rows[i] * row + begin, end - begin) +=
          math::ConstRun(in + i * row + begin, end - begin);
  });
  return x;
}

}  // namespace kindling::kernels
