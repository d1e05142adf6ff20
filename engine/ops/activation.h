#pragma once

#include <limits>

#include "engine/tensor.h"

/// Activations. Only the output is kept for backward. A batch norm right in front of one, with what
/// is added to it, or a convolution is computed in the same pass over memory, unless somebody looks
/// at its value.
namespace kindling {

/// max(x, 0); the gradient at 0 is 0.
Tensor relu(const Tensor& x);
/// x where x > 0, slope * x elsewhere. Throws Error for a slope below 0: its outputs would not tell
/// which side they came from.
Tensor leaky_relu(const Tensor& x, Scalar slope = 0.01);
/// The course's activation: leaky_relu, then less sub, and at most max. leaky_relu keeps the mean
/// of its output well above zero; `sub` brings it back. Throws Error for a leak below 0.
Tensor general_relu(const Tensor& x, Scalar leak = 0, Scalar sub = 0,
                    Scalar max = std::numeric_limits<Scalar>::infinity());

}  // namespace kindling
