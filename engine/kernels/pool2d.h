#pragma once

#include <variant>

#include "engine/array.h"
#include "engine/kernels/conv2d.h"

namespace kindling::kernels {

/// Pooling over windows of x (N,H,W,C) -> y (N,OH,OW,C), channel by channel.

/// Which cell of its window each maximum came from, i * KW + j: the first one on a tie. It is read
/// and written as often as y, so it is a byte wherever a window has no more cells than that.
using Argmax = std::variant<ByteArray, IntArray>;

/// The largest number of each window; padding never wins, a NaN always does.
Array max_pool2d(const Array& x, const Window& window, bool ceil_mode, Argmax& argmax);
/// dx[n, the pixel under cell argmax[n,oh,ow,c], c] += dy[n,oh,ow,c].
Array max_pool2d_dx(const Array& dy, const Argmax& argmax, const Window& window,
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
