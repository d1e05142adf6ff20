#pragma once

#include "engine/ops/conv.h"
#include "engine/tensor.h"

namespace kindling {

// Pooling of images, channel by channel.

/// The largest element of each window, x (N,H,W,C) -> (N,OH,OW,C); the first one on a tie. The
/// padding never wins. With ceil_mode a last window that sticks out at the bottom or right counts
/// too. Throws ShapeError unless padding <= kernel / 2 and a window fits.
Tensor max_pool2d(const Tensor& x, Pair kernel, Pair stride, Pair padding = 0,
                  bool ceil_mode = false);

/// The mean of each window; shapes and errors are those of max_pool2d(). `count_padding`: padding
/// counts as zeros, as PyTorch's count_include_pad does by default.
Tensor avg_pool2d(const Tensor& x, Pair kernel, Pair stride, Pair padding = 0,
                  bool ceil_mode = false, bool count_padding = true);

}  // namespace kindling
