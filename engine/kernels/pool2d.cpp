#include "engine/kernels/pool2d.h"

#include <algorithm>
#include <limits>

#include "engine/kernels/math.h"
#include "engine/parallel.h"

namespace kindling::kernels {

namespace {

Shape pooled_shape(const Shape& x, const Window& w, bool ceil_mode) {
  return {x[0], window_extent(x[1], w.kernel_h, w.stride_h, w.padding_h, ceil_mode),
          window_extent(x[2], w.kernel_w, w.stride_w, w.padding_w, ceil_mode), x[3]};
}

/// The part of a window along one axis that lies inside the image, and how many cells it has with
/// the padding counted in.
struct Span {
  Index begin, end, with_padding;
  Span(Index out, Index extent, Index kernel, Index stride, Index padding) {
    const Index start = out * stride - padding;
    const Index stop = std::min(start + kernel, extent + padding);
    with_padding = stop - start;
    begin = std::max<Index>(start, 0);
    end = std::min(stop, extent);
  }
};

/// Calls visit(n, output pixel, row span, column span) for every output pixel of image n.
template <class Visit>
void each_window(Index n, const Shape& x, const Shape& y, const Window& w, const Visit& visit) {
  for (Index oh = 0; oh < y[1]; ++oh)
    for (Index ow = 0; ow < y[2]; ++ow)
      visit((n * y[1] + oh) * y[2] + ow, Span(oh, x[1], w.kernel_h, w.stride_h, w.padding_h),
            Span(ow, x[2], w.kernel_w, w.stride_w, w.padding_w));
}

Scalar window_size(const AvgPool& pool, const Span& rows, const Span& columns) {
  const Index inside = (rows.end - rows.begin) * (columns.end - columns.begin);
  return static_cast<Scalar>(pool.count_padding ? rows.with_padding * columns.with_padding
                                                : inside);
}

}  // namespace

Array max_pool2d(const Array& x, const Window& window, bool ceil_mode, IntArray& argmax) {
  const Shape shape = pooled_shape(x.shape(), window, ceil_mode);
  Array y(shape, -std::numeric_limits<Scalar>::infinity());
  argmax = IntArray(shape, 0);
  const Index width = x.dim(2), pixels = x.dim(1) * width, c = x.dim(3);
  const Scalar* in = x.data();
  Scalar* out = y.data();
  std::int32_t* from = argmax.data();
  parallel_for(shape[0], y.size() * window.kernel_h * window.kernel_w, [&](Index n) {
    each_window(n, x.shape(), shape, window, [&](Index o, const Span& rows, const Span& columns) {
      bool first = true;
      for (Index ih = rows.begin; ih < rows.end; ++ih)
        for (Index iw = columns.begin; iw < columns.end; ++iw, first = false) {
          const Index pixel = ih * width + iw;
          const Scalar* candidate = in + (n * pixels + pixel) * c;
          for (Index j = 0; j < c; ++j) {
            const Scalar value = candidate[j], champion = out[o * c + j];
            if (first || value > champion || (value != value && champion == champion)) {
              out[o * c + j] = value;
              from[o * c + j] = static_cast<std::int32_t>(pixel);
            }
          }
        }
    });
  });
  return y;
}

Array max_pool2d_dx(const Array& dy, const IntArray& argmax, const Shape& x_shape) {
  Array dx(x_shape, Scalar{0});
  const Index windows = dy.dim(1) * dy.dim(2), pixels = x_shape[1] * x_shape[2], c = x_shape[3];
  const Scalar* in = dy.data();
  const std::int32_t* from = argmax.data();
  Scalar* out = dx.data();
  parallel_for(x_shape[0], dy.size(), [&](Index n) {
    for (Index i = n * windows; i < (n + 1) * windows; ++i)
      for (Index j = 0; j < c; ++j) out[(n * pixels + from[i * c + j]) * c + j] += in[i * c + j];
  });
  return dx;
}

Array avg_pool2d(const Array& x, const AvgPool& pool) {
  const Shape shape = pooled_shape(x.shape(), pool.window, pool.ceil_mode);
  Array y(shape, Scalar{0});
  const Index width = x.dim(2), pixels = x.dim(1) * width, c = x.dim(3);
  const Scalar* in = x.data();
  Scalar* out = y.data();
  parallel_for(shape[0], y.size() * pool.window.kernel_h * pool.window.kernel_w, [&](Index n) {
    each_window(n, x.shape(), shape, pool.window,
                [&](Index o, const Span& rows, const Span& columns) {
                  math::Run mean(out + o * c, c);
                  for (Index ih = rows.begin; ih < rows.end; ++ih)
                    for (Index iw = columns.begin; iw < columns.end; ++iw)
                      mean += math::ConstRun(in + (n * pixels + ih * width + iw) * c, c);
                  mean /= window_size(pool, rows, columns);
                });
  });
  return y;
}

Array avg_pool2d_dx(const Array& dy, const AvgPool& pool, const Shape& x_shape) {
  Array dx(x_shape, Scalar{0});
  const Index width = x_shape[2], pixels = x_shape[1] * width, c = x_shape[3];
  const Scalar* in = dy.data();
  Scalar* out = dx.data();
  parallel_for(x_shape[0], dy.size() * pool.window.kernel_h * pool.window.kernel_w, [&](Index n) {
    each_window(n, x_shape, dy.shape(), pool.window,
                [&](Index o, const Span& rows, const Span& columns) {
                  const Scalar share = 1 / window_size(pool, rows, columns);
                  for (Index ih = rows.begin; ih < rows.end; ++ih)
                    for (Index iw = columns.begin; iw < columns.end; ++iw)
                      math::Run(out + (n * pixels + ih * width + iw) * c, c) +=
                          share * math::ConstRun(in + o * c, c);
                });
  });
  return dx;
}

}  // namespace kindling::kernels
