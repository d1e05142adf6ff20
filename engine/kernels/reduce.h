#pragma once

#include "engine/array.h"

namespace kindling::kernels {

/// Reductions over chosen axes (none chosen: all). The order in which elements are combined depends
/// on the shape (and on how the first element is aligned, in a slice), never on the number of
/// threads.

Array sum(const Array& x, const Axes& axes = {}, bool keepdim = false);
/// Of no elements: not a number, as 0/0 is.
Array mean(const Array& x, const Axes& axes = {}, bool keepdim = false);
/// A NaN anywhere is the maximum. Throws ShapeError when there is nothing to choose from.
Array max(const Array& x, const Axes& axes = {}, bool keepdim = false);
/// Position of the first maximum among the elements along the axes, counted row by row; a NaN
/// counts as the maximum. Throws ShapeError.
IntArray argmax(const Array& x, const Axes& axes, bool keepdim = false);
/// Sum of squared distances from the mean (given with the axes kept), over the axes.
Array squared_distance(const Array& x, const Array& mean, const Axes& axes, bool keepdim);

/// Mean of (x - target)^2 over everything, in one read of each.
Scalar mean_squared_error(const Array& x, const Array& target);

/// Root of the sum of all squares; in double, where neither tiny nor huge ones get lost.
double norm(const Array& x);

/// Undoes a broadcast: sums x over the axes that made `shape` grow to x.shape().
Array sum_to(const Array& x, const Shape& shape);

}  // namespace kindling::kernels
