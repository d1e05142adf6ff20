#pragma once

#include "engine/tensor.h"

namespace kindling {

/// How many elements of x lie in each of `bins` equal cells of [low, high] (torch.histc); those
/// outside are not counted. With `absolute`, of |x|. Carries no gradient. Throws Error for less
/// than one bin or more than 2^20, a range that is empty or infinite, and 2^31 numbers or more.
IntArray histogram(const Tensor& x, int bins, Scalar low, Scalar high, bool absolute = false);

/// Mean, standard deviation (n - 1 below the sum, not a number for a single element) and histogram
/// of x: what is asked of every activation of every batch.
struct Distribution {
  double mean;      ///< Of x itself, also where |x| was counted.
  double stddev;    ///< Likewise.
  IntArray counts;  ///< One for each bin, as histogram() has them.
};
/// All of it in one pass over memory. Throws Error as histogram() does.
Distribution distribution(const Tensor& x, int bins, Scalar low, Scalar high,
                          bool absolute = false);

}  // namespace kindling
