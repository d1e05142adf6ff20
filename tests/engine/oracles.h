#pragma once

#include <functional>
#include <vector>

#include "engine/kernels/gemm.h"
#include "engine/ops/conv.h"
#include "tests/support/plain.h"

/// The ops again, as slowly and plainly as they can be written: index loops over plain vectors, no
/// code shared with the engine but Shape.
namespace kindling::test {

/// NumPy's broadcasting.
Plain broadcast_oracle(const std::function<double(double, double)>& f, const Plain& a,
                       const Plain& b);

/// f of all elements that share a position outside the axes. No axes: of all elements.
using Reducer = std::function<double(const std::vector<double>&)>;
Plain reduce_oracle(const Reducer& f, const Plain& x, const Axes& axes, bool keepdim);

Plain matmul_oracle(const Plain& a, const Plain& b, kernels::Trans trans);

/// Calls visit(x element, w element, y element) for every product a convolution adds up; all three
/// as flat positions.
using Tap = std::function<void(std::size_t, std::size_t, std::size_t)>;
void each_tap(const Shape& x, const Shape& w, Pair stride, Pair padding, const Tap& visit);
/// (N,OH,OW,M).
Shape conv_shape(const Shape& x, const Shape& w, Pair stride, Pair padding);
/// bias may be null.
Plain conv_oracle(const Plain& x, const Plain& w, const Plain* bias, Pair stride, Pair padding);

struct PoolSettings {
  Pair kernel, stride;
  Pair padding = 0;
  bool ceil_mode = false, count_padding = true;
};
Plain max_pool_oracle(const Plain& x, const PoolSettings& pool);
Plain avg_pool_oracle(const Plain& x, const PoolSettings& pool);

/// Over the last axis.
Plain log_softmax_oracle(const Plain& x);
double cross_entropy_oracle(const Plain& scores, const std::vector<int>& targets, double smoothing);

}  // namespace kindling::test
