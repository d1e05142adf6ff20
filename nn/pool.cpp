#include "nn/pool.h"

#include "engine/error.h"
#include "engine/ops/reduce.h"

namespace kindling::nn {

namespace {

void check_pool(const char* who, Pair kernel, const PoolOptions& options) {
  const Pair stride = options.stride.value_or(kernel), padding = options.padding;
  check(kernel.h >= 1 && kernel.w >= 1 && stride.h >= 1 && stride.w >= 1 && padding.h >= 0 &&
            padding.w >= 0 && 2 * padding.h <= kernel.h && 2 * padding.w <= kernel.w,
        who, "kernel ", kernel, ", stride ", stride, ", padding ", padding,
        ": kernel and stride of at least 1 and padding of at most half the kernel expected");
}

std::string describe(Pair kernel, const PoolOptions& options) {
  return str("kernel ", kernel, ", stride ", options.stride.value_or(kernel), ", padding ",
             options.padding, options.ceil_mode ? ", ceil mode" : "");
}

}  // namespace

inline namespace KINDLING_PRECISION {

MaxPool2d::MaxPool2d(Pair kernel, PoolOptions options) : kernel_(kernel), options_(options) {
  check_pool("max_pool2d", kernel, options);
}

std::string MaxPool2d::extra() const { return describe(kernel_, options_); }

Tensor MaxPool2d::forward(const Tensor& x) {
  return max_pool2d(x, kernel_, options_.stride.value_or(kernel_), options_.padding,
                    options_.ceil_mode);
}

AvgPool2d::AvgPool2d(Pair kernel, PoolOptions options) : kernel_(kernel), options_(options) {
  check_pool("avg_pool2d", kernel, options);
}

std::string AvgPool2d::extra() const { return describe(kernel_, options_); }

Tensor AvgPool2d::forward(const Tensor& x) {
  return avg_pool2d(x, kernel_, options_.stride.value_or(kernel_), options_.padding,
                    options_.ceil_mode);
}

Tensor GlobalAvgPool::forward(const Tensor& x) {
  check(x.rank() == 4, "global_avg_pool", "x ", x.shape(), ": images (N,H,W,C) expected");
  return mean(x, {1, 2});
}

}  // namespace KINDLING_PRECISION
}  // namespace kindling::nn
