#include "engine/kernels/pool2d.h"

#include <algorithm>
#include <limits>

#include "engine/kernels/simd.h"
#include "engine/parallel.h"

// A window is walked once for every register of channels, with what it yields kept in registers:
//
//     for each image, for each output pixel:             a task is an image
//       for a register of channels at a time:
//         best = -inf  |  total = 0
//         for each pixel of the window inside the image: best = max(best, x) | total += x
//         write y (and where the best one stood)
//
// and backwards each pixel of the window gets what it is due, in an image that is in the cache
// because it has just been filled with zeros.

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

/// Pixels of an image that one output pixel comes from.
struct Pixels {
  Span rows, columns;
  Index width;

  /// Calls visit(ih * W + iw) for each, row by row.
  template <class Visit>
  void each(const Visit& visit) const {
    for (Index ih = rows.begin; ih < rows.end; ++ih)
      for (Index iw = columns.begin; iw < columns.end; ++iw) visit(ih * width + iw);
  }
  Scalar count(const AvgPool& pool) const {
    const Index inside = (rows.end - rows.begin) * (columns.end - columns.begin);
    return static_cast<Scalar>(pool.count_padding ? rows.with_padding * columns.with_padding
                                                  : inside);
  }
};

/// Calls visit(output pixel, its Pixels) for every output pixel of image n.
template <class Visit>
void each_window(Index n, const Shape& x, const Shape& y, const Window& w, const Visit& visit) {
  for (Index oh = 0; oh < y[1]; ++oh) {
    const Span rows(oh, x[1], w.kernel_h, w.stride_h, w.padding_h);
    for (Index ow = 0; ow < y[2]; ++ow)
      visit((n * y[1] + oh) * y[2] + ow,
            Pixels{rows, Span(ow, x[2], w.kernel_w, w.stride_w, w.padding_w), x[2]});
  }
}

/// Calls body.operator()<L>(j) for runs of L channels from j on that together are all of them:
/// whole registers first, then halves, and so on.
template <int L = simd::kLanes<Scalar>, class Body>
void each_register(Index channels, const Body& body, Index j = 0) {
  for (; j + L <= channels; j += L) body.template operator()<L>(j);
  if constexpr (L > 1) {
    if (j < channels) each_register<L / 2>(channels, body, j);
  }
}

using Place = std::conditional_t<sizeof(Scalar) == 8, std::int64_t, std::int32_t>;
template <int L>
using Values = simd::Vec<Scalar, L>;
template <int L>
using Places = simd::Vec<Place, L>;  // as wide as Values, so that one can choose by the other
template <int L>
using StoredPlaces = simd::Vec<std::int32_t, L>;

}  // namespace

Array max_pool2d(const Array& x, const Window& window, bool ceil_mode, IntArray& argmax) {
  const Shape shape = pooled_shape(x.shape(), window, ceil_mode);
  Array y(shape);
  argmax = IntArray(shape);
  const Index pixels = x.dim(1) * x.dim(2), c = x.dim(3);
  const Scalar* in = x.data();
  Scalar* out = y.data();
  std::int32_t* from = argmax.data();
  parallel_for(shape[0], y.size() * window.kernel_h * window.kernel_w, [&](Index n) {
    const Scalar* image = in + n * pixels * c;
    each_window(n, x.shape(), shape, window, [&](Index o, const Pixels& inside) {
      each_register(c, [&]<int L>(Index j) {
        const Index first = inside.rows.begin * inside.width + inside.columns.begin;
        auto best = simd::load<Values<L>>(image + first * c + j);
        Places<L> place = Places<L>{} + static_cast<Place>(first);
        inside.each([&](Index pixel) {
          const auto value = simd::load<Values<L>>(image + pixel * c + j);
          // Greater, or not a number: but the first of those stays.
          const Places<L> wins = ~(value <= best) & (best == best);
          best = wins ? value : best;
          place = wins ? Places<L>{} + static_cast<Place>(pixel) : place;
        });
        simd::store(out + o * c + j, best);
        simd::store(from + o * c + j, __builtin_convertvector(place, StoredPlaces<L>));
      });
    });
  });
  return y;
}

// y = x[argmax];  dx[argmax] += dy
Array max_pool2d_dx(const Array& dy, const IntArray& argmax, const Window& window,
                    const Shape& x_shape) {
  Array dx(x_shape);
  const Index pixels = x_shape[1] * x_shape[2], c = x_shape[3];
  const Scalar* in = dy.data();
  const std::int32_t* from = argmax.data();
  Scalar* out = dx.data();
  parallel_for(x_shape[0], dy.size() * window.kernel_h * window.kernel_w, [&](Index n) {
    Scalar* image = out + n * pixels * c;
    std::fill_n(image, pixels * c, Scalar{0});
    each_window(n, x_shape, dy.shape(), window, [&](Index o, const Pixels& inside) {
      each_register(c, [&]<int L>(Index j) {
        const auto gradient = simd::load<Values<L>>(in + o * c + j);
        const auto place =
            __builtin_convertvector(simd::load<StoredPlaces<L>>(from + o * c + j), Places<L>);
        inside.each([&](Index pixel) {
          Scalar* at = image + pixel * c + j;
          const auto before = simd::load<Values<L>>(at);
          const Places<L> here = place == static_cast<Place>(pixel);
          simd::store(at, here ? before + gradient : before);
        });
      });
    });
  });
  return dx;
}

Array avg_pool2d(const Array& x, const AvgPool& pool) {
  const Shape shape = pooled_shape(x.shape(), pool.window, pool.ceil_mode);
  Array y(shape);
  const Index pixels = x.dim(1) * x.dim(2), c = x.dim(3);
  const Scalar* in = x.data();
  Scalar* out = y.data();
  parallel_for(shape[0], y.size() * pool.window.kernel_h * pool.window.kernel_w, [&](Index n) {
    const Scalar* image = in + n * pixels * c;
    each_window(n, x.shape(), shape, pool.window, [&](Index o, const Pixels& inside) {
      const Scalar count = inside.count(pool);
      each_register(c, [&]<int L>(Index j) {
        Values<L> total{};
        inside.each([&](Index pixel) { total += simd::load<Values<L>>(image + pixel * c + j); });
        simd::store(out + o * c + j, total / count);
      });
    });
  });
  return y;
}

// y = sum of x / count;  dx += dy / count
Array avg_pool2d_dx(const Array& dy, const AvgPool& pool, const Shape& x_shape) {
  Array dx(x_shape);
  const Index pixels = x_shape[1] * x_shape[2], c = x_shape[3];
  const Scalar* in = dy.data();
  Scalar* out = dx.data();
  parallel_for(x_shape[0], dy.size() * pool.window.kernel_h * pool.window.kernel_w, [&](Index n) {
    Scalar* image = out + n * pixels * c;
    std::fill_n(image, pixels * c, Scalar{0});
    each_window(n, x_shape, dy.shape(), pool.window, [&](Index o, const Pixels& inside) {
      const Scalar share = 1 / inside.count(pool);
      each_register(c, [&]<int L>(Index j) {
        const Values<L> due = share * simd::load<Values<L>>(in + o * c + j);
        inside.each([&](Index pixel) {
          Scalar* at = image + pixel * c + j;
          simd::store(at, simd::load<Values<L>>(at) + due);
        });
      });
    });
  });
  return dx;
}

}  // namespace kindling::kernels
