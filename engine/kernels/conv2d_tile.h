#pragma once

#include <algorithm>
#include <array>
#include <type_traits>
#include <vector>

#include "engine/kernels/conv2d.h"
#include "engine/kernels/simd.h"
#include "engine/parallel.h"

/// What the three convolution kernels share: sizes, tiles of padded images, packed weights,
/// register tiles. Only conv2d.cpp includes this.
namespace kindling::kernels {

inline constexpr int kPixels = kRegisters == 32 ? 8 : 6;  ///< P: with NV = 2 the tile fits.

/// Numbers in a tile of padded images: small enough for the second-level cache.
inline constexpr Index kTileSize = 16 * 1024;

/// The sizes of one convolution (shape letters as in conv2d.h), and how it is cut into tiles.
struct Geometry {
  Index n, h, w, c, m, kh, kw, oh, ow;
  Window window;
  Index run;     ///< KW * C: what one kernel row covers, contiguous.
  Index pitch;   ///< Numbers in a row of the padded image.
  Index image;   ///< Numbers in a padded image.
  Index images;  ///< Images in a tile.
  Index pixels;  ///< Output pixels of an image.

  Geometry(const Shape& x, const Shape& weight, const Window& win)
      : n(x[0]),
        h(x[1]),
        w(x[2]),
        c(x[3]),
        m(weight[3]),
        kh(weight[0]),
        kw(weight[1]),
        oh(window_extent(h, kh, win.stride_h, win.padding_h)),
        ow(window_extent(w, kw, win.stride_w, win.padding_w)),
        window(win),
        run(kw * c),
        pitch((w + 2 * win.padding_w) * c),
        image((h + 2 * win.padding_h) * pitch),
        images(
            std::clamp<Index>(kTileSize / std::max<Index>(image, 1), 1, std::max<Index>(n / 8, 1))),
        pixels(oh * ow) {}

  Index tiles() const { return (n + images - 1) / images; }
  Index images_in(Index tile) const { return std::min(images, n - tile * images); }
  Index work() const { return n * pixels * kh * run * m; }
  bool padded() const { return window.padding_h > 0 || window.padding_w > 0; }

  /// Where in a tile of padded images the window of each output pixel begins.
  std::vector<Index> window_offsets() const {
    std::vector<Index> offsets;
    offsets.reserve(images * pixels);
    for (Index i = 0; i < images; ++i)
      for (Index y = 0; y < oh; ++y)
        for (Index x = 0; x < ow; ++x)
          offsets.push_back(i * image + y * window.stride_h * pitch + x * window.stride_w * c);
    return offsets;
  }

  /// Between the images (count, H, W, C) and their padded copies: calls copy(row, padded row).
  template <class Copy>
  void each_row(Index count, const Copy& copy) const {
    for (Index i = 0; i < count; ++i)
      for (Index y = 0; y < h; ++y)
        copy((i * h + y) * w * c,
             i * image + (y + window.padding_h) * pitch + window.padding_w * c);
  }
};

/// One scratch tile a thread, all zeros at first: a border that nobody writes stays zero.
struct Scratch {
  explicit Scratch(Index per_thread)
      : size(per_thread), memory(Shape{max_threads(), per_thread}, Scalar{0}) {
    data = memory.data();
  }
  Scalar* mine() const { return data + thread_index() * size; }
  Index size;
  Array memory;
  Scalar* data;
};

/// A tile of images with a border of zeros; the images themselves where no border is needed.
inline const Scalar* pad(const Geometry& g, const Scalar* x, Index count, Scalar* scratch) {
  if (!g.padded()) return x;
  g.each_row(count,
             [&](Index row, Index padded) { std::copy_n(x + row, g.w * g.c, scratch + padded); });
  return scratch;
}

/// A matrix (rows, columns) cut into panels `width` columns wide, each stored row after row, the
/// last filled up with zeros: (panels, rows, width). Column j of row i is in[i * row + j * column].
inline Array pack(const Scalar* in, Index rows, Index columns, Index row, Index column,
                  Index width) {
  const Index panels = (columns + width - 1) / width;
  Array packed(Shape{panels, rows, width});
  Scalar* out = packed.data();
  for (Index panel = 0; panel < panels; ++panel)
    for (Index i = 0; i < rows; ++i)
      for (Index j = 0; j < width; ++j, ++out)
        *out = panel * width + j < columns ? in[i * row + (panel * width + j) * column] : 0;
  return packed;
}

/// Calls f(lanes, vectors) as compile-time numbers with the register tile that fits M columns: half
/// a register for few columns, one, or two side by side.
template <class F>
void with_width(Index columns, const F& f) {
  constexpr int kFull = simd::kLanes<Scalar>;
  using std::integral_constant;
  if (columns <= kFull / 2)
    f(integral_constant<int, kFull / 2>(), integral_constant<int, 1>());
  else if (columns <= kFull)
    f(integral_constant<int, kFull>(), integral_constant<int, 1>());
  else
    f(integral_constant<int, kFull>(), integral_constant<int, 2>());
}

/// A register tile of P x NV sums, and what is done with it.
template <int L, int NV, int P>
struct Sums {
  using V = simd::Vec<Scalar, L>;
  V at[P][NV];

  /// at[p][v] += a(p) * b[v] for one step of the inner loop.
  template <class Broadcast>
  [[gnu::always_inline]] void step(const Broadcast& a, const Scalar* b) {
    V row[NV];
#pragma GCC unroll 2
    for (int v = 0; v < NV; ++v) row[v] = simd::load<V>(b + v * L);
#pragma GCC unroll 8
    for (int p = 0; p < P; ++p)
#pragma GCC unroll 2
      for (int v = 0; v < NV; ++v) at[p][v] += a(p) * row[v];
  }
};

}  // namespace kindling::kernels
