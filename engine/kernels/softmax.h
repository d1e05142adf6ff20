#pragma once

#include "engine/array.h"

namespace kindling::kernels {

/// Over the last axis. y = x - log(sum(exp(x))), with the row's maximum taken out first so that no
/// exponential overflows.
Array log_softmax(const Array& x);
/// dx = dy - exp(y) * sum(dy), row by row.
Array log_softmax_dx(const Array& dy, const Array& y);

/// Mean over rows of -sum over classes of q * log p, where q puts 1 - smoothing on the target and
/// spreads `smoothing` evenly over all classes. log_p (N, classes), targets (N).
Scalar cross_entropy(const Array& log_p, const IntArray& targets, Scalar smoothing);
/// Gradient by the scores behind log_p: (p - q) * scale.
Array cross_entropy_dx(const Array& log_p, const IntArray& targets, Scalar smoothing, Scalar scale);

}  // namespace kindling::kernels
