#include "engine/ops/pool.h"

#include "engine/error.h"
#include "engine/kernels/pool2d.h"
#include "engine/tape.h"

namespace kindling {

namespace {

const Op kMaxPool{"max_pool2d"}, kAvgPool{"avg_pool2d"};

kernels::Window pool_window(const Op& op, const Tensor& x, Pair kernel, Pair stride, Pair padding) {
  check(x.rank() == 4 && x.dim(1) >= 1 && x.dim(2) >= 1, op.name, "x ", x.shape(),
        ": images (N,H,W,C) of at least one pixel expected");
  check(kernel.h >= 1 && kernel.w >= 1 && stride.h >= 1 && stride.w >= 1, op.name, "kernel ",
        kernel, ", stride ", stride, ": at least 1 expected");
  check(padding.h >= 0 && padding.w >= 0 && 2 * padding.h <= kernel.h && 2 * padding.w <= kernel.w,
        op.name, "padding ", padding, ": between 0 and half the kernel ", kernel, " expected");
  check(x.dim(1) + 2 * padding.h >= kernel.h && x.dim(2) + 2 * padding.w >= kernel.w, op.name, "x ",
        x.shape(), " with padding ", padding, " is smaller than the kernel ", kernel);
  return {kernel.h, kernel.w, stride.h, stride.w, padding.h, padding.w};
}

}  // namespace

// y = max of a window;  dx = dy where the maximum came from
Tensor max_pool2d(const Tensor& x, Pair kernel, Pair stride, Pair padding, bool ceil_mode) {
  const auto window = pool_window(kMaxPool, x, kernel, stride, padding);
  kernels::Argmax from;
  Array y = kernels::max_pool2d(x.value(), window, ceil_mode, from);
  return record(kMaxPool, std::move(y), {x},
                [from, window, shape = x.shape()](const Array& dy, Grads& grads) {
                  grads.add(0, kernels::max_pool2d_dx(dy, from, window, shape));
                });
}

// y = mean of a window;  dx = dy / (cells of the window), for each window it lies in
Tensor avg_pool2d(const Tensor& x, Pair kernel, Pair stride, Pair padding, bool ceil_mode,
                  bool count_padding) {
  const kernels::AvgPool pool{pool_window(kAvgPool, x, kernel, stride, padding), ceil_mode,
                              count_padding};
  return record(kAvgPool, kernels::avg_pool2d(x.value(), pool), {x},
                [pool, shape = x.shape()](const Array& dy, Grads& grads) {
                  grads.add(0, kernels::avg_pool2d_dx(dy, pool, shape));
                });
}

}  // namespace kindling
