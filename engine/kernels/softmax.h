#pragma once

#include "engine/array.h"

namespace kindling::kernels {

/// Over the last axis. y = x - log(sum(exp(x))), with the row's maximum taken out first so that no
/// exponential overflows.
Array log_softmax(const Array& x);
/// dx = dy - exp(y) * sum(dy), row by row. A dy that nobody else holds is written over.
Array log_softmax_dx(Array&& dy, const Array& y);

/// What turns scores x (N, classes) into log p = (x - largest) - log_sum: two numbers a row, (N)
/// each. One number, their sum, would lose the digits of the logarithm beside a large score.
struct LogSumExp {
  Array largest, log_sum;
};

/// Mean over rows of -sum over classes of q * log p, where q puts 1 - smoothing on the target and
/// spreads `smoothing` evenly over all classes. x (N, classes), targets (N). Reads x once and
/// leaves in `norm` all that the gradient needs besides x.
Scalar cross_entropy(const Array& x, const IntArray& targets, Scalar smoothing, LogSumExp& norm);
/// Gradient by the scores: (p - q) * scale.
Array cross_entropy_dx(const Array& x, const IntArray& targets, Scalar smoothing,
                       const LogSumExp& norm, Scalar scale);

}  // namespace kindling::kernels
