#pragma once

#include <limits>

#include "engine/tensor.h"

namespace kindling {

/// The course's activation: x where x > 0, leak * x elsewhere; then less sub, and at most max.
/// leaky_relu keeps the mean of its output well above zero; `sub` brings it back.
/// Only the output is kept for backward. Throws Error for a leak below 0, whose outputs do not tell
/// which side they came from.
Tensor general_relu(const Tensor& x, Scalar leak = 0, Scalar sub = 0,
                    Scalar max = std::numeric_limits<Scalar>::infinity());

}  // namespace kindling
