#pragma once

#include <algorithm>
#include <array>
#include <type_traits>

#include "engine/kernels/conv2d_plan.h"
#include "engine/kernels/scratch.h"
#include "engine/kernels/simd.h"
#include "engine/parallel.h"

/// What the kernels of conv2d*.cpp share: register tiles, tiles of images.
namespace kindling::kernels {

/// How a row of a register tile lies in NV vector registers of L lanes.
///
///   plain     side by side: L NV columns, and each step multiplies one number per row
///   pairs     for half as many columns, two numbers per row and step: lane 2 m adds up the even
///             terms of column m, lane 2 m + 1 the odd ones. Registers half full instead would need
///             one load for each of their products, and loads are what a processor has too few of.
template <int kLanes, int kVectors, bool kPairs>
struct Layout {
  static constexpr int L = kLanes, NV = kVectors, width = L * NV;
  static constexpr bool pairs = kPairs;
  static constexpr int terms = kPairs ? 2 : 1, columns = width / terms;
  using V = simd::Vec<Scalar, L>;
  using Half = simd::Vec<Scalar, L >= 4 ? L / 2 : L>;
};

/// Rows of a register tile NV vectors wide: as many as leave registers for a row of weights, a
/// broadcast, and addresses.
template <int NV>
inline constexpr int kTileRows = kRegisters == 32 ? 12
                                 : NV == 1        ? 8
                                                  : 6;

/// A register tile of P x NV sums, and what is done with it.
template <int L, int NV, int P>
struct Sums {
  using V = simd::Vec<Scalar, L>;
  V at[P][NV];

  /// at[p][v] += a(p) * b[v] for one step of the inner loop; a(p) is a number or a vector.
  template <class Factor>
  [[gnu::always_inline]] void step(const Factor& a, const std::array<V, NV>& b) {
#pragma GCC unroll 24
    for (int p = 0; p < P; ++p) {
      const auto factor = a(p);
#pragma GCC unroll 2
      for (int v = 0; v < NV; ++v) at[p][v] += factor * b[v];
    }
  }
  template <class Factor>
  [[gnu::always_inline]] void step(const Factor& a, const Scalar* b) {
    step(a, row(b));
  }

  static std::array<V, NV> row(const Scalar* b) {
    std::array<V, NV> row;
#pragma GCC unroll 2
    for (int v = 0; v < NV; ++v) row[v] = simd::load<V>(b + v * L);
    return row;
  }
};

/// Calls f(Layout) with the one that fits M columns. Where the last of an odd number of terms takes
/// a step of its own, pairs need many registers to be worth it.
template <class F>
void with_layout(Index columns, bool even_terms, const F& f) {
  constexpr int kFull = simd::kLanes<Scalar>;
  if (columns > kFull) return f(Layout<kFull, 2, false>());
  if constexpr (kFull >= 4) {
    if (columns <= kFull / 2) return f(Layout<kFull, 1, true>());
    if (even_terms || kRegisters == 32) return f(Layout<kFull, 2, true>());
  }
  f(Layout<kFull, 1, false>());
}

/// Calls f(rows) as a compile-time number: `rows` itself, at most R.
template <int R, class F>
void with_rows(Index rows, const F& f) {
  if constexpr (R > 1) {
    if (rows < R) return with_rows<R - 1>(rows, f);
  }
  f(std::integral_constant<int, R>());
}

/// Asks for memory that the next task will want, a few cache lines at a time while this one
/// computes: the processor's own prefetching does not follow windows across rows and images.
template <int kWrite>
class Ahead {
 public:
  Ahead(const Scalar* begin, Index numbers, Index steps)
      : at_(begin),
        end_(begin + numbers),
        step_((numbers + std::max<Index>(steps, 1) - 1) / std::max<Index>(steps, 1)) {}
  [[gnu::always_inline]] void step() {
    const Scalar* stop = std::min(end_, at_ + step_);
    for (; at_ < stop; at_ += 64 / sizeof(Scalar)) __builtin_prefetch(at_, kWrite, 2);
  }

 private:
  const Scalar *at_, *end_;
  Index step_;
};

/// Numbers of a tile of images, input and output together: about half the second-level cache.
inline constexpr Index kTileSize = 64 * 1024;

inline Index images_in_tile(Index n, Index in, Index out) {
  return std::clamp<Index>(kTileSize / std::max<Index>(in + out, 1), 1, std::max<Index>(n / 8, 1));
}

/// The pixels of a stencil in a tile of images, one after the other.
class Walk {
 public:
  /// Of `count` images, each `size` numbers long and `pixels` pixels in the result.
  Walk(const Stencil& stencil, const Scalar* images, Index size, Index pixels, Index count)
      : pixels_(stencil.pixels),
        images_(images),
        size_(size),
        image_pixels_(pixels),
        left_(count * std::ssize(stencil.pixels)) {}
  Index left() const { return left_; }

  /// Calls f(i, window, number of the pixel in the tile) for the next `count`, i = 0, 1, ...
  template <class F>
  [[gnu::always_inline]] void take(int count, const F& f) {
    left_ -= count;
    for (int i = 0; i < count;) {
      const Scalar* image = images_ + image_ * size_;
      const Index first = image_ * image_pixels_;
      const Stencil::Pixel* pixel = pixels_.data() + pixel_;
      const int stop = static_cast<int>(std::min<Index>(count, i + std::ssize(pixels_) - pixel_));
      pixel_ += stop - i;
      for (; i < stop; ++i, ++pixel) f(i, image + pixel->in, first + pixel->out);
      if (pixel_ == std::ssize(pixels_)) pixel_ = 0, ++image_;
    }
  }

 private:
  const std::vector<Stencil::Pixel>& pixels_;
  const Scalar* images_;
  Index size_, image_pixels_, left_, image_ = 0, pixel_ = 0;
};

/// Pixel by pixel a product with the same matrix: best left to gemm.
inline bool is_product(const Window& win) {
  return win.kernel_h * win.kernel_w * win.stride_h * win.stride_w == 1 &&
         win.padding_h + win.padding_w == 0;
}

}  // namespace kindling::kernels
