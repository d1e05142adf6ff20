#pragma once

#include "engine/kernels/moments.h"
#include "engine/tensor.h"

namespace kindling {

using kernels::Moments;

/// Batch normalisation over all axes but the last: x (..., C), weight (C), bias (C) -> (..., C),
/// y = weight (x - mean) / sqrt(variance + eps) + bias. In training, with the mean and the variance
/// (over n) of this very batch, which every x has a part in; `seen` receives them. Throws
/// ShapeError on less than two rows: nothing varies there.
Tensor batch_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, Scalar eps = 1e-5,
                  Moments* seen = nullptr);
/// The same in evaluation, with the moments given: a constant map of each channel.
Tensor batch_norm_eval(const Tensor& x, const Tensor& weight, const Tensor& bias,
                       const Moments& running, Scalar eps = 1e-5);

}  // namespace kindling
