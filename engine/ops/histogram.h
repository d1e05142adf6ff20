#pragma once

#include "engine/tensor.h"

namespace kindling {

/// How many elements of x lie in each of `bins` equal cells of [low, high] (torch.histc); those
/// outside are not counted. With `absolute`, of |x|. Carries no gradient. Throws Error when bins <
/// 1 or the range is empty or infinite.
IntArray histogram(const Tensor& x, int bins, Scalar low, Scalar high, bool absolute = false);

/// Mean, standard deviation (n - 1 below the sum, not a number for a single element) and histogram
/// of x in one pass over memory: what is asked of every activation of every batch. Errors as above.
struct Distribution {
  double mean, stddev;
  IntArray counts;
};
Distribution distribution(const Tensor& x, int bins, Scalar low, Scalar high,
                          bool absolute = false);

}  // namespace kindling
