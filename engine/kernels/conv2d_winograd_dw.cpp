#include <algorithm>
#include <array>

#include "engine/kernels/conv2d_winograd.h"
#include "engine/kernels/conv2d_winograd_tile.h"
#include "engine/kernels/reduce.h"

// dw by Winograd's way, conv2d_winograd.cpp run backwards, with its letters:
//
//   for every part of the images, for every block of T patches of it                one task a part
//     V[16][T][C] = B' d B of every patch and channel of x                          transform
//     dP[16][T][M] = A dy A' of its 2x2 pixels of dy, which are summed into db      transform
//     for each of the 16 places: dU[C][M] += V[T][C]' x dP[T][M]                    register tiles
//   dw = G' dU G of the sum of all parts, in their order

namespace kindling::kernels {

using namespace winograd_detail;

namespace {

/// dP = A dy A' of patches [first, first + count); their dy summed into db.
void transform_dy(const PatchCut& cut, const Scalar* dy, const Scalar* zeros, Index first,
                  Index count, Index plane, Scalar* out, Scalar* db) {
  PatchAt patch(cut, first);
  for (Index t = 0; t < count; ++t, out += cut.m, patch.next(cut)) {
    const Scalar* from = dy + ((patch.image * cut.oh + patch.row) * cut.ow + patch.column) * cut.m;
    const bool right = patch.column + 1 < cut.ow, below = patch.row + 1 < cut.oh;
    const Scalar* const at[2][2] = {{from, right ? from + cut.m : zeros},
                                    {below ? from + cut.ow * cut.m : zeros,
                                     right && below ? from + (cut.ow + 1) * cut.m : zeros}};
    for (Index m = 0; m < cut.m; m += kLanes) {
      std::array<std::array<V, 2>, 4> rows;
      V sum = simd::load<V>(db + m);
#pragma GCC unroll 2
      for (int j = 0; j < 2; ++j) {
        const V y0 = simd::load<V>(at[0][j] + m), y1 = simd::load<V>(at[1][j] + m);
        rows[0][j] = y0;
        rows[1][j] = y0 + y1;
        rows[2][j] = y0 - y1;
        rows[3][j] = -y1;
        sum += rows[1][j];
      }
      simd::store(db + m, sum);
#pragma GCC unroll 4
      for (int i = 0; i < 4; ++i) {
        const V y0 = rows[i][0], y1 = rows[i][1];
        simd::store(out + (4 * i) * plane + m, y0);
        simd::store(out + (4 * i + 1) * plane + m, y0 + y1);
        simd::store(out + (4 * i + 2) * plane + m, y0 - y1);
        simd::store(out + (4 * i + 3) * plane + m, -y1);
      }
    }
  }
}

/// R rows of one place's dU and one panel += V' x dP over the patches of a block.
template <int NV, int R>
[[gnu::noinline]] void du_tile(const Scalar* v, Index c, const Scalar* dp, Index m, Scalar* du,
                               Index patches) {
  Sums<kLanes, NV, R> sums;
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r)
    for (int i = 0; i < NV; ++i) sums.at[r][i] = simd::load<V>(du + r * m + i * kLanes);
  for (Index t = 0; t < patches; ++t, v += c, dp += m) sums.step([&](int r) { return v[r]; }, dp);
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r)
    for (int i = 0; i < NV; ++i) simd::store(du + r * m + i * kLanes, sums.at[r][i]);
}

/// dU (16, C, M) += what a block of patches contributes.
template <int NV>
void add_block(const PatchCut& cut, const Scalar* v, Index v_plane, const Scalar* dp, Index p_plane,
               Index count, Scalar* du, Ahead<0> x_ahead, Ahead<0> dy_ahead) {
  constexpr int R = kTileRows<2>;
  const Index blocks = (cut.c + R - 1) / R;  // of about equal height
  for (int place = 0; place < kPlaces; ++place, v += v_plane, dp += p_plane)
    for (Index block = 0; block < blocks; ++block) {
      const Index begin = block * cut.c / blocks, end = (block + 1) * cut.c / blocks;
      with_rows<R>(end - begin, [&](auto rows) {
        for (Index j = 0; j < cut.m; j += NV * kLanes) {
          x_ahead.step();
          dy_ahead.step();
          du_tile<NV, decltype(rows)::value>(v + begin, cut.c, dp + j, cut.m,
                                             du + (place * cut.c + begin) * cut.m + j, count);
        }
      });
    }
}

/// dw = G' dU G for one input and output channel: (16) -> (3, 3), `step` apart.
void transform_dw(const Scalar* du, Index place, Scalar* dw, Index step) {
  const auto filter = [](Scalar u0, Scalar u1, Scalar u2, Scalar u3) {
    return std::array<Scalar, 3>{u0 + (u1 + u2) / 2, (u1 - u2) / 2, (u1 + u2) / 2 + u3};
  };
  std::array<std::array<Scalar, 3>, 4> rows;
  for (int i = 0; i < 4; ++i) {
    const Scalar* u = du + 4 * i * place;
    rows[i] = filter(u[0], u[place], u[2 * place], u[3 * place]);
  }
  for (int j = 0; j < 3; ++j) {
    const auto column = filter(rows[0][j], rows[1][j], rows[2][j], rows[3][j]);
    for (int i = 0; i < 3; ++i) dw[(i * 3 + j) * step] = column[i];
  }
}

}  // namespace

Array winograd_dw(const Array& dy, const Array& x, const Shape& w_shape, Index padding_h,
                  Index padding_w, Array* db) {
  const Index c = w_shape[2], m = w_shape[3];
  const PatchCut cut{x.dim(0),  x.dim(1), x.dim(2),  c,        dy.dim(1),
                     dy.dim(2), m,        padding_h, padding_w};
  // Every part sums a fixed share of the blocks; the parts are added in their order at the end.
  constexpr Index kMostParts = 16, kLeastParts = 4, kPartial = 2 << 20;
  // Blocks are larger here: every one of them brings dU into registers and back.
  const Index patches = block_patches(cut, 2 * kScratch),
              blocks = (cut.patches() + patches - 1) / patches;
  const Index most = std::clamp<Index>(kPartial / (kPlaces * c * m), kLeastParts, kMostParts);
  const Index parts = sum_parts(std::min(blocks, most));
  const Index v_plane = plane(patches, c), p_plane = plane(patches, m);
  const Scratch scratch(kPlaces * (v_plane + p_plane));
  const Array zeros(Shape{std::max(c, m)}, Scalar{0});
  Array partial(Shape{parts, kPlaces * c + 1, m}, Scalar{0});  // the last row is db
  Scalar* out = partial.data();
  parallel_for(parts, cut.patches() * kPlaces * c * m, [&](Index part) {
    Scalar* v = scratch.mine();
    Scalar* dp = v + kPlaces * v_plane;
    Scalar* du = out + part * (kPlaces * c + 1) * m;
    for (Index block = part * blocks / parts; block < (part + 1) * blocks / parts; ++block) {
      const Index first = block * patches, count = std::min(patches, cut.patches() - first);
      transform_input(cut, x.data(), zeros.data(), first, count, v_plane, v);
      transform_dy(cut, dy.data(), zeros.data(), first, count, p_plane, dp, du + kPlaces * c * m);
      with_vectors(m, [&](auto vectors) {
        constexpr int NV = decltype(vectors)::value;
        const Index tiles = c / kTileRows<2> * m / (NV * kLanes);
        const Index steps = kPlaces * tiles, next = first + count;
        add_block<NV>(cut, v, v_plane, dp, p_plane, count, du,
                      ahead_of<0>(cut, x.data(), cut.h, cut.w, c, next, patches, steps),
                      ahead_of<0>(cut, dy.data(), cut.oh, cut.ow, m, next, patches, steps));
      });
    }
  });
  const Array total = sum(partial, {0});
  Array dw(w_shape);
  Scalar* to = dw.data();
  parallel_for(c, 32 * c * m, [&](Index k) {
    for (Index j = 0; j < m; ++j)
      transform_dw(total.data() + k * m + j, c * m, to + k * m + j, c * m);
  });
  // A copy: a view would keep all of `total`.
  if (db) *db = Array(Shape{m}, total.rows(kPlaces * c, kPlaces * c + 1).values());
  return dw;
}

}  // namespace kindling::kernels
