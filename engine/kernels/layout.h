#pragma once

#include "engine/array.h"

namespace kindling::kernels {

/// Axis i of the result is axis order[i] of x; a view where nothing moves. `order` must be a
/// permutation.
Array permute(const Array& x, const Axes& order);

/// Elements [begin, end) along one axis, and its transpose: an array of zeros with a slice in it.
Array slice(const Array& x, int axis, Index begin, Index end);
Array unslice(const Array& y, const Shape& shape, int axis, Index begin);

/// Joined along one axis; the other extents agree.
Array concat(const std::vector<Array>& xs, int axis);

/// y[i] = x[rows[i]] over the first axis, and its transpose: x[rows[i]] += y[i], in the order of i.
Array gather_rows(const Array& x, const IntArray& rows);
Array scatter_rows(const Array& y, const IntArray& rows, const Shape& shape);

}  // namespace kindling::kernels
