#pragma once

#include <algorithm>
#include <array>
#include <type_traits>

#include "engine/kernels/conv2d_tile.h"

/// What both files of Winograd's convolution share: how images are cut into patches, and B' d B.
/// The letters are those of conv2d_winograd.cpp.
namespace kindling::kernels::winograd_detail {

inline constexpr int kLanes = simd::kLanes<Scalar>;
inline constexpr int kPlaces = 16;
using V = simd::Vec<Scalar, kLanes>;
using Patch = std::array<std::array<V, 4>, 4>;

/// How an image is cut: th x tw patches for the output's oh x ow pixels, two by two.
struct PatchCut {
  Index n, h, w, c, oh, ow, m, padding_h, padding_w;
  Index th = (oh + 1) / 2, tw = (ow + 1) / 2;
  Index patches() const { return n * th * tw; }
};

/// Where a patch lies: its image, and the row and column of its first output pixel.
struct PatchAt {
  PatchAt(const PatchCut& cut, Index patch)
      : image(patch / (cut.th * cut.tw)),
        row(patch / cut.tw % cut.th * 2),
        column(patch % cut.tw * 2) {}
  void next(const PatchCut& cut) {
    if ((column += 2) < cut.ow) return;
    column = 0;
    if ((row += 2) < cut.oh) return;
    row = 0;
    ++image;
  }
  Index image, row, column;
};

/// Numbers in the scratch memory of a task: fits the second-level cache beside the weights.
inline constexpr Index kScratch = 96 * 1024;

/// Patches in a block.
inline Index block_patches(const PatchCut& cut, Index scratch = kScratch) {
  const Index rows = kTileRows<2>;
  const Index fit = scratch / (kPlaces * (cut.c + cut.m)) / rows * rows;
  return std::clamp<Index>(fit, rows, 8 * rows);
}

/// The 16 planes of a block lie a cache line more than their size apart, lest all of them fall into
/// the same lines of the cache.
inline Index plane(Index patches, Index features) {
  return patches * features + 64 / sizeof(Scalar);
}

/// The images' numbers that the block behind patch `next` begins with, fetched in so many steps.
template <int kWrite>
Ahead<kWrite> ahead_of(const PatchCut& cut, const Scalar* images, Index h, Index w, Index features,
                       Index next, Index patches, Index steps) {
  if (next >= cut.patches()) return {images, 0, 1};
  const PatchAt patch(cut, next);
  const Index begin = (patch.image * h + std::min(patch.row, h - 1)) * w * features;
  const Index numbers =
      std::min(patches, cut.patches() - next) * h * w * features / (cut.th * cut.tw);
  return {images + begin, std::min(numbers, cut.n * h * w * features - begin), steps};
}

/// d -> B' d B, for one vector of channels; first down, then across.
[[gnu::always_inline]] inline void transform(Patch& d) {
#pragma GCC unroll 4
  for (int j = 0; j < 4; ++j) {
    const V d1 = d[1][j], d2 = d[2][j];
    d[0][j] -= d2;
    d[1][j] = d1 + d2;
    d[2][j] = d2 - d1;
    d[3][j] = d1 - d[3][j];
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    const V d1 = d[i][1], d2 = d[i][2];
    d[i][0] -= d2;
    d[i][1] = d1 + d2;
    d[i][2] = d2 - d1;
    d[i][3] = d1 - d[i][3];
  }
}

/// One patch of V; at(i, j) is where its pixels' channels lie.
template <class At>
[[gnu::always_inline]] inline void transform_patch(Index channels, const At& at, Index plane,
                                                   Scalar* out) {
  for (Index c = 0; c < channels; c += kLanes) {
    Patch d;
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i)
#pragma GCC unroll 4
      for (int j = 0; j < 4; ++j) d[i][j] = simd::load<V>(at(i, j) + c);
    transform(d);
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i)
#pragma GCC unroll 4
      for (int j = 0; j < 4; ++j) simd::store(out + (4 * i + j) * plane + c, d[i][j]);
  }
}

/// V[16][T][C] of patches [first, first + count).
inline void transform_input(const PatchCut& cut, const Scalar* x, const Scalar* zeros, Index first,
                            Index count, Index plane, Scalar* out) {
  PatchAt patch(cut, first);
  for (Index t = 0; t < count; ++t, out += cut.c, patch.next(cut)) {
    const Index top = patch.row - cut.padding_h, left = patch.column - cut.padding_w;
    const Index pitch = cut.w * cut.c;
    const Scalar* corner = x + (patch.image * cut.h + top) * pitch + left * cut.c;
    if (top >= 0 && top + 4 <= cut.h && left >= 0 && left + 4 <= cut.w) {
      transform_patch(
          cut.c, [&](Index i, Index j) { return corner + i * pitch + j * cut.c; }, plane, out);
      continue;
    }
    std::array<std::array<const Scalar*, 4>, 4> at;  // across a border: zeros outside
    for (Index i = 0; i < 4; ++i)
      for (Index j = 0; j < 4; ++j) {
        const bool inside = top + i >= 0 && top + i < cut.h && left + j >= 0 && left + j < cut.w;
        at[i][j] = inside ? corner + i * pitch + j * cut.c : zeros;
      }
    transform_patch(
        cut.c, [&](Index i, Index j) { return at[i][j]; }, plane, out);
  }
}

/// Calls f(vectors in a panel): two where the channels allow it.
template <class F>
void with_vectors(Index features, const F& f) {
  if (features % (2 * kLanes) == 0)
    f(std::integral_constant<int, 2>());
  else
    f(std::integral_constant<int, 1>());
}

}  // namespace kindling::kernels::winograd_detail
