#pragma once

#include "engine/tensor.h"

namespace kindling {

/// How many elements of x lie in each of `bins` equal cells of [low, high] (torch.histc); those
/// outside are not counted. With `absolute`, of |x|. Carries no gradient. Throws Error when bins <
/// 1 or the range is empty or infinite.
IntArray histogram(const Tensor& x, int bins, Scalar low, Scalar high, bool absolute = false);

}  // namespace kindling
