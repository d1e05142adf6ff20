#include "engine/kernels/elementwise.h"

#include <utility>

namespace kindling::kernels {

Broadcast::Broadcast(const Shape& from, const Shape& to) {
  Index stride = 1;
  for (int i = 1; i <= to.rank(); ++i) {
    const Index extent = i <= from.rank() ? from[-i] : 1;
    push(to[-i], extent == 1 ? 0 : stride);
    stride *= extent;
  }
  if (axes_ == 0) push_axis(1, 0);
}

void Broadcast::push(Index extent, Index stride) {
  if (extent == 1) return;
  const bool one_walk =
      axes_ > 0 &&
      (stride_[axes_ - 1] == 0 ? stride == 0 : stride == stride_[axes_ - 1] * extent_[axes_ - 1]);
  if (one_walk)
    extent_[axes_ - 1] *= extent;
  else
    push_axis(extent, stride);
}

void Broadcast::push_axis(Index extent, Index stride) {
  extent_[axes_] = extent;
  stride_[axes_++] = stride;
}

void Broadcast::unroll(const Scalar* in, Index begin, Index n, Scalar* out) const {
  std::array<Index, Shape::kMaxRank + 1> at;  // the odometer, and where it points
  const Scalar* row = in;
  for (int a = 0; a < axes_; ++a) {
    at[a] = begin % extent_[a];
    begin /= extent_[a];
    if (a > 0) row += at[a] * stride_[a];
  }
  while (n > 0) {
    const Index length = std::min(n, extent_[0] - at[0]);
    if (stride_[0] == 0)
      std::fill_n(out, length, *row);
    else
      std::copy_n(row + at[0], length, out);
    out += length;
    n -= length;
    at[0] = 0;
    for (int a = 1; a < axes_; ++a) {
      row += stride_[a];
      if (++at[a] < extent_[a]) break;
      row -= at[a] * stride_[a];
      at[a] = 0;
    }
  }
}

Input::Input(const Array& x, const Shape& to)
    : walk_(x.shape(), to), at_(x.data()), whole_(x.size() == to.size()) {
  if (whole_) return;
  const Index period = walk_.period();
  if (period == 0 || period > kChunk) return;
  period_ = period;
  tile_ = Array(Shape{period_ + kUnroll});
  walk_.unroll(at_, 0, std::min(to.size(), period_ + kUnroll), tile_.data());
  at_ = std::as_const(tile_).data();
}

}  // namespace kindling::kernels
