#include "engine/kernels/pool2d.h"
#include "engine/kernels/pool2d_cut.h"
#include "engine/kernels/pool2d_windows.h"

// The loops are those of pool2d_max.cpp.

namespace kindling::kernels {

namespace {

/// How many cells the windows over an image have: (OH, OW).
Array counts(const Pooling& p, bool count_padding) {
  Array cells(Shape{p.h.windows, p.w.windows});
  Scalar* out = cells.data();
  const auto count = [=](const WindowAxis& axis, Index window) {
    return count_padding ? axis.with_padding(window) : axis.inside(window).size();
  };
  for (Index oh = 0; oh < p.h.windows; ++oh)
    for (Index ow = 0; ow < p.w.windows; ++ow)
      *out++ = static_cast<Scalar>(count(p.h, oh) * count(p.w, ow));
  return cells;
}

template <class Cut, class Run>
void avg_run(Cut, Run run, Index c, const Scalar* x, Scalar count, Scalar* y) {
  constexpr int L = Cut::kLanes;
  Cut::each_window(run.count, [&](Index k) {
    run.fetch_ahead(k, Cut::kWindows, c, x);
    Cut::each(c, [&](Index j) {
      const Scalar* in = x + run.first(k) * c + j;
      Values<L> total{};
      for (Index a = 0; a < run.rows; ++a)
        for (Index b = 0; b < run.columns; ++b) total += Cut::column(in + run.row(a) * c, c, b);
      simd::store(y + (run.output + k) * c + j, total / count);
    });
  });
}

template <class Cut, class Run>
void avg_dx_run(Cut, Run run, Index c, const Scalar* dy, Scalar share, Scalar* dx) {
  for (Index a = 0; a < run.rows; ++a)
    Cut::each_window(run.count, [&](Index k) {
      if (a == 0) run.fetch_next(k, Cut::kWindows, c, dy);
      const Scalar* in = dy + (run.output + k) * c;
      Cut::write_row(dx + (run.first(k) + run.row(a)) * c, c, run.columns, [&](Index j) {
        const Values<Cut::kLanes> due = share * simd::load<Values<Cut::kLanes>>(in + j);
        return [due](Index) { return due; };
      });
    });
}

template <int L, class PixelRun>
void avg_dx_pixels(PixelRun run, Index c, const Scalar* dy, const Scalar* share, Scalar* dx) {
  for (Index k = 0; k < run.count; ++k)
    LaneCut<L>::each(c, [&](Index j) {
      Values<L> total{};
      for (Index a = 0; a < run.rows; ++a)
        for (Index b = 0; b < run.columns; ++b) {
          const Index window = k + run.window(a, b);
          total +=
              share[run.place + window] * simd::load<Values<L>>(dy + (run.output + window) * c + j);
        }
      simd::store(dx + (run.pixel + k * run.stride_w) * c + j, total);
    });
}

}  // namespace

Array avg_pool2d(const Array& x, const AvgPool& pool) {
  const Shape shape = pooled_shape(x.shape(), pool.window, pool.ceil_mode);
  const Pooling p(x.shape(), shape, pool.window);
  const Array count = counts(p, pool.count_padding);
  Array y(shape);
  const Scalar *in = x.data(), *n = count.data();
  Scalar* out = y.data();
  with_lanes(p.channels, [&, c = p.channels]<int L, int C>() {
    each_run(p, [&](const auto& run) {
      cut<L, C>(run, [&](auto cut) { avg_run(cut, run, c, in, n[run.place], out); });
    });
  });
  return y;
}

// y = sum of x / count;  dx += dy / count
Array avg_pool2d_dx(const Array& dy, const AvgPool& pool, const Shape& x_shape) {
  const Pooling p(x_shape, dy.shape(), pool.window);
  Array shares = counts(p, pool.count_padding);
  Scalar* share = shares.data();
  for (Index i = 0; i < shares.size(); ++i) share[i] = 1 / share[i];
  Array dx(x_shape);
  const Scalar* in = dy.data();
  Scalar* out = dx.data();
  with_lanes(p.channels, [&, c = p.channels]<int L, int C>() {
    if (p.tiled())
      each_run(p, [&](const auto& run) {
        cut<L, C>(run, [&](auto cut) { avg_dx_run(cut, run, c, in, share[run.place], out); });
      });
    else
      each_pixel_run(
          p, [&](const auto& run) { avg_dx_pixels<C == 0 ? L : C>(run, c, in, share, out); });
  });
  return dx;
}

}  // namespace kindling::kernels
