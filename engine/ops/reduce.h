#pragma once

#include "engine/tensor.h"

/// Reductions over chosen axes; none chosen means all. With keepdim the reduced axes stay with
/// extent 1. Throws ShapeError for an axis that does not exist or is named twice.
namespace kindling {

Tensor sum(const Tensor& x, const Axes& axes = {}, bool keepdim = false);   ///< 0 of no elements.
Tensor mean(const Tensor& x, const Axes& axes = {}, bool keepdim = false);  ///< NaN of no elements.
/// Mean squared distance from the mean, over n - correction (1: unbiased; 0: of the population).
/// Computed in two passes. Nothing sensible (not a number, or infinite) when n <= correction.
Tensor var(const Tensor& x, const Axes& axes = {}, int correction = 1, bool keepdim = false);
/// sqrt(var): torch.std, under a name that C++ has not taken. Where the deviation is 0 the gradient
/// is taken as 0.
Tensor stddev(const Tensor& x, const Axes& axes = {}, int correction = 1, bool keepdim = false);
/// Several equal maxima share the gradient evenly (torch.amax). Throws ShapeError on no elements.
Tensor max(const Tensor& x, const Axes& axes = {}, bool keepdim = false);
/// Position of the first maximum along an axis, or among all elements along several axes, counted
/// row by row. A NaN counts as the maximum. Carries no gradient. Throws ShapeError when there is
/// nothing to choose from. Axes{} means all; a bare {} is axis 0.
/// @{
IntArray argmax(const Tensor& x, int axis = -1, bool keepdim = false);
IntArray argmax(const Tensor& x, const Axes& axes, bool keepdim = false);
/// @}

}  // namespace kindling
