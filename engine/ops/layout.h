#pragma once

#include "engine/tensor.h"

/// Ops that move elements and compute nothing.
namespace kindling {

/// The same elements, row by row, under another shape; in a list one extent may be -1. Costs
/// nothing. Throws ShapeError when the number of elements would change.
/// @{
Tensor reshape(const Tensor& x, const Shape& shape);
Tensor reshape(const Tensor& x, std::initializer_list<Index> dims);
/// @}
/// Axis i of the result is axis order[i] of x. Throws ShapeError unless order is a permutation.
Tensor permute(const Tensor& x, const Axes& order);
/// Two axes exchanged; the last two when none are named. Throws ShapeError for less than two axes,
/// and for one that is not there.
Tensor transpose(const Tensor& x, int axis0 = -2, int axis1 = -1);
/// Elements [begin, end) along one axis. Negative positions count from the end. Throws ShapeError
/// unless begin <= end lie within it.
Tensor slice(const Tensor& x, int axis, Index begin, Index end);
/// Joined along one axis. Throws ShapeError unless all other extents agree, and for no
/// tensor at all.
Tensor concat(const std::vector<Tensor>& xs, int axis = 0);
/// x[index] as NumPy reads it: whole rows of the first axis, picked by integers, in any number and
/// order. (N, ...) and (I...) -> (I..., ...). Throws ShapeError for an index outside [0, N).
Tensor gather(const Tensor& x, const IntArray& index);

}  // namespace kindling
