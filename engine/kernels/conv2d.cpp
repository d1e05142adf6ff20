#include "engine/kernels/conv2d.h"

#include <algorithm>
#include <vector>

#include "engine/kernels/conv2d_tile.h"
#include "engine/kernels/layout.h"
#include "engine/kernels/reduce.h"
#include "engine/parallel.h"

// Direct convolution, features last. In an image (H, W, C) the KW x C numbers that one row of the
// kernel covers lie side by side, so a convolution is a matrix product whose rows begin wherever a
// window begins: nothing is unrolled ("im2col"). All three kernels share one picture:
//
//   a task     takes a tile of images and copies them into a zero-padded scratch image, so that no
//              inner loop knows of borders;
//   a register tile holds P output pixels x NV vectors of channels (forward, dx) or R weight rows
//              x NV vectors of channels (dw);
//   the loop inside adds, per step, P (or R) broadcast numbers times NV loaded vectors.
//
// Weights are first packed into panels NV vectors wide, padded with zeros to whole vectors, so the
// loop reads them in order and M may be anything. Each sum runs in an order that only the shapes
// decide.

namespace kindling::kernels {

namespace {

/// y of P pixels and one panel of channels: all KH x KW x C steps with the sums in registers.
template <int L, int NV, int P>
void forward_tile(const Geometry& g, const Scalar* x, const Index* offsets, const Scalar* panel,
                  const Scalar* bias, Scalar* y, Index pixels, Index columns) {
  using V = simd::Vec<Scalar, L>;
  const Scalar* window[P];
  Sums<L, NV, P> sums;
  for (int p = 0; p < P; ++p) {
    window[p] = x + offsets[std::min<Index>(p, pixels - 1)];
    for (int v = 0; v < NV; ++v) sums.at[p][v] = simd::load<V>(bias + v * L);
  }
  for (Index row = 0; row < g.kh; ++row)
    for (Index k = 0; k < g.run; ++k, panel += NV * L)
      sums.step([&](int p) { return window[p][row * g.pitch + k]; }, panel);
  for (int p = 0; p < std::min<Index>(P, pixels); ++p)
    for (int v = 0; v < NV; ++v) {
      Scalar* to = y + p * g.m + v * L;
      if (const Index left = columns - v * L; left >= L)
        simd::store(to, sums.at[p][v]);
      else if (left > 0)
        simd::store_first(to, sums.at[p][v], left);
    }
}

/// to += the first n numbers of a register (all of them if n is larger).
template <class V>
void add_first(Scalar* to, const V& v, Index n) {
  constexpr int L = sizeof(V) / sizeof(Scalar);
  if (n >= L) {
    simd::store(to, simd::load<V>(to) + v);
  } else if (n == L / 2) {  // usual: C = 8 channels under a kernel of width 3, say
    using Half = simd::Vec<Scalar, L / 2>;
    simd::store(to, simd::load<Half>(to) + simd::load<Half>(reinterpret_cast<const Scalar*>(&v)));
  } else {
    for (Index i = 0; i < n; ++i) to[i] += v[i];
  }
}

/// dx += what P pixels of dy send to one panel of the row of the padded image that kernel row `row`
/// covers. Windows overlap, so the pixels are added one after the other.
template <int L, int NV, int P>
void dx_tile(const Geometry& g, const Scalar* dy, const Index* offsets, const Scalar* panel,
             Scalar* dx, Index pixels, Index columns) {
  const Scalar* pixel[P];
  Sums<L, NV, P> sums{};
  for (int p = 0; p < P; ++p) pixel[p] = dy + std::min<Index>(p, pixels - 1) * g.m;
  for (Index m = 0; m < g.m; ++m, panel += NV * L)
    sums.step([&](int p) { return pixel[p][m]; }, panel);
  for (int p = 0; p < std::min<Index>(P, pixels); ++p)
    for (int v = 0; v < NV; ++v) add_first(dx + offsets[p] + v * L, sums.at[p][v], columns - v * L);
}

/// R rows of dw and one panel of channels += x * dy over the pixels of a tile.
template <int L, int NV, int R>
void dw_tile(const Scalar* x, const Index* offsets, const Scalar* dy, Index dy_pitch, Scalar* dw,
             Index dw_pitch, Index pixels) {
  using V = simd::Vec<Scalar, L>;
  Sums<L, NV, R> sums;
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < NV; ++v) sums.at[r][v] = simd::load<V>(dw + r * dw_pitch + v * L);
  for (Index i = 0; i < pixels; ++i) {
    const Scalar* window = x + offsets[i];
    sums.step([&](int r) { return window[r]; }, dy + i * dy_pitch);
  }
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < NV; ++v) simd::store(dw + r * dw_pitch + v * L, sums.at[r][v]);
}

/// The same for 1 to kPixels rows.
template <int L, int NV, int R = kPixels, class... Args>
void dw_rows(Index rows, const Args&... args) {
  if constexpr (R > 1) {
    if (rows < R) return dw_rows<L, NV, R - 1>(rows, args...);
  }
  dw_tile<L, NV, R>(args...);
}

}  // namespace

Array conv2d(const Array& x, const Array& w, const Array& b, const Window& window) {
  const Geometry g(x.shape(), w.shape(), window);
  Array y(Shape{g.n, g.oh, g.ow, g.m});
  if (y.size() == 0) return y;
  const auto offsets = g.window_offsets();
  const Scratch scratch(g.padded() ? g.images * g.image : 0);
  Scalar* out = y.data();
  with_width(g.m, [&](auto lanes, auto vectors) {
    constexpr int L = decltype(lanes)::value, NV = decltype(vectors)::value, P = kPixels;
    const Index rows = g.kh * g.run, panels = (g.m + NV * L - 1) / (NV * L);
    const Array packed = pack(w.data(), rows, g.m, g.m, 1, NV * L);
    const Array bias = b.defined() ? pack(b.data(), 1, g.m, g.m, 1, NV * L)
                                   : Array(Shape{panels, 1, NV * L}, Scalar{0});
    parallel_for(g.tiles(), g.work(), [&](Index tile) {
      const Index count = g.images_in(tile), pixels = count * g.pixels;
      const Scalar* in =
          pad(g, x.data() + tile * g.images * g.h * g.w * g.c, count, scratch.mine());
      Scalar* to = out + tile * g.images * g.pixels * g.m;
      for (Index j = 0; j < panels; ++j)
        for (Index i = 0; i < pixels; i += P)
          forward_tile<L, NV, P>(g, in, &offsets[i], packed.data() + j * rows * NV * L,
                                 bias.data() + j * NV * L, to + i * g.m + j * NV * L, pixels - i,
                                 g.m - j * NV * L);
    });
  });
  return y;
}

Array conv2d_dx(const Array& dy, const Array& w, const Shape& x_shape, const Window& window) {
  const Geometry g(x_shape, w.shape(), window);
  Array dx(x_shape);
  const auto offsets = g.window_offsets();
  const Scratch scratch(g.images * g.image);
  Scalar* out = dx.data();
  with_width(g.run, [&](auto lanes, auto vectors) {
    constexpr int L = decltype(lanes)::value, NV = decltype(vectors)::value, P = kPixels;
    const Index panels = (g.run + NV * L - 1) / (NV * L);
    // Kernel row by kernel row the transpose of w: (M, KW * C).
    std::vector<Array> packed;
    for (Index row = 0; row < g.kh; ++row)
      packed.push_back(pack(w.data() + row * g.run * g.m, g.m, g.run, 1, g.m, NV * L));
    parallel_for(g.tiles(), g.work(), [&](Index tile) {
      const Index count = g.images_in(tile), pixels = count * g.pixels;
      const Scalar* in = dy.data() + tile * g.images * g.pixels * g.m;
      Scalar* to = scratch.mine();
      std::fill_n(to, count * g.image, Scalar{0});
      for (Index row = 0; row < g.kh; ++row)
        for (Index j = 0; j < panels; ++j)
          for (Index i = 0; i < pixels; i += P)
            dx_tile<L, NV, P>(g, in + i * g.m, &offsets[i],
                              std::as_const(packed[row]).data() + j * g.m * NV * L,
                              to + row * g.pitch + j * NV * L, pixels - i, g.run - j * NV * L);
      Scalar* images = out + tile * g.images * g.h * g.w * g.c;
      g.each_row(count, [&](Index row, Index padded) {
        std::copy_n(to + padded, g.w * g.c, images + row);
      });
    });
  });
  return dx;
}

Array conv2d_dw(const Array& dy, const Array& x, const Shape& w_shape, const Window& window) {
  const Geometry g(x.shape(), w_shape, window);
  const auto offsets = g.window_offsets();
  const Index rows = g.kh * g.run;
  // Every part sums a fixed share of the tiles; the parts are added in their order at the end. Few
  // parts when the weights are large, so that the partial sums do not outgrow the arrays.
  constexpr Index kMaxParts = 16, kPartial = 4 << 20;
  const Index wanted = std::clamp<Index>(kPartial / std::max<Index>(rows * g.m, 1), 2, kMaxParts);
  const Index tiles_a_part = (g.tiles() + wanted - 1) / std::max<Index>(wanted, 1);
  const Index parts = g.tiles() == 0 ? 0 : (g.tiles() + tiles_a_part - 1) / tiles_a_part;
  Array dw;
  with_width(g.m, [&](auto lanes, auto vectors) {
    constexpr int L = decltype(lanes)::value, NV = decltype(vectors)::value, R = kPixels;
    const Index columns = (g.m + NV * L - 1) / (NV * L) * (NV * L);
    Array partial(Shape{parts, rows, columns}, Scalar{0});
    const bool whole = columns == g.m;  // else dy is copied to rows of whole vectors
    const Scratch padded_x(g.padded() ? g.images * g.image : 0);
    const Scratch padded_dy(whole ? 0 : g.images * g.pixels * columns);
    Scalar* out = partial.data();
    parallel_for(parts, g.work(), [&](Index part) {
      Scalar* sums = out + part * rows * columns;
      const Index last = std::min(g.tiles(), (part + 1) * tiles_a_part);
      for (Index tile = part * tiles_a_part; tile < last; ++tile) {
        const Index count = g.images_in(tile), pixels = count * g.pixels;
        const Scalar* in =
            pad(g, x.data() + tile * g.images * g.h * g.w * g.c, count, padded_x.mine());
        const Scalar* grad = dy.data() + tile * g.images * g.pixels * g.m;
        if (!whole) {
          Scalar* copy = padded_dy.mine();
          for (Index i = 0; i < pixels; ++i) {
            std::copy_n(grad + i * g.m, g.m, copy + i * columns);
            std::fill_n(copy + i * columns + g.m, columns - g.m, Scalar{0});
          }
          grad = copy;
        }
        for (Index row = 0; row < g.kh; ++row)
          for (Index k = 0; k < g.run; k += R)
            for (Index j = 0; j < columns; j += NV * L)
              dw_rows<L, NV>(g.run - k, in + row * g.pitch + k, offsets.data(), grad + j, columns,
                             sums + (row * g.run + k) * columns + j, columns, pixels);
      }
    });
    dw = sum(partial, {0});
    if (!whole) dw = slice(dw, 1, 0, g.m);
  });
  return dw.reshape(w_shape);
}

}  // namespace kindling::kernels
