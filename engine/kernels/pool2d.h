#pragma once

#include "engine/array.h"
#include "engine/kernels/conv2d.h"

namespace kindling::kernels {

/// Pooling over windows of x (N,H,W,C) -> y (N,OH,OW,C), channel by channel.

/// The largest number of each window; padding never wins, a NaN always does. `argmax` receives, per
/// output, the pixel (ih * W + iw) it came from: the first one on a tie.
Array max_pool2d(const Array& x, const Window& window, bool ceil_mode, IntArray& argmax);
/// dx[n, argmax[n,oh,ow,c], c] += dy[n,oh,ow,c].
Array max_pool2d_dx(const Array& dy, const IntArray& argmax, const Window& window,
                    const Shape& x_shape);

/// The mean of each window. `count_padding`: the padding counts as zeros (PyTorch's default).
struct AvgPool {
  Window window;
  bool ceil_mode = false;
  bool count_padding = true;
};
Array avg_pool2d(const Array& x, const AvgPool& pool);
Array avg_pool2d_dx(const Array& dy, const AvgPool& pool, const Shape& x_shape);

}  // namespace kindling::kernels
