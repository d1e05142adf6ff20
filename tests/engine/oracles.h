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

/// (N,OH,OW,M).
Shape conv_shape(const Shape& x, const Shape& w, Pair stride, Pair padding);
/// Calls visit(x element, w element, y element) for every product a convolution adds up; all three
/// as flat positions.
template <class Visit>
void each_tap(const Shape& x, const Shape& w, Pair stride, Pair padding, const Visit& visit) {
  const Shape y = conv_shape(x, w, stride, padding);
  const Index C = x[3], M = y[3];
  for (Index n = 0; n < y[0]; ++n)
    for (Index oh = 0; oh < y[1]; ++oh)
      for (Index ow = 0; ow < y[2]; ++ow)
        for (Index kh = 0; kh < w[0]; ++kh)
          for (Index kw = 0; kw < w[1]; ++kw) {
            const Index ih = oh * stride.h + kh - padding.h, iw = ow * stride.w + kw - padding.w;
            if (ih < 0 || ih >= x[1] || iw < 0 || iw >= x[2]) continue;
            const Index at_x = ((n * x[1] + ih) * x[2] + iw) * C;
            const Index at_w = (kh * w[1] + kw) * C * M, at_y = ((n * y[1] + oh) * y[2] + ow) * M;
            for (Index c = 0; c < C; ++c)
              for (Index m = 0; m < M; ++m)
                visit(static_cast<std::size_t>(at_x + c),
                      static_cast<std::size_t>(at_w + c * M + m),
                      static_cast<std::size_t>(at_y + m));
          }
}
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
