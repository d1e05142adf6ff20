#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

#include "engine/kernels/simd.h"
#include "engine/scalar.h"

// The innermost loop of a matrix product: R x W sums stay in registers while k runs.
//
//                  B  row k:  [ b0 b1 .. b15 | b16 .. b31 ]   loaded once, used R times
//   A  column k:
//     a0 -> broadcast         [    sums      |    sums    ]
//     a1 -> broadcast         [    sums      |    sums    ]   R = 8 rows (6 with 16 registers)
//     ..                                ..                    of two registers
//     a7 -> broadcast         [    sums      |    sums    ]
//
// A step of k costs R broadcasts and 2 loads for 2 R multiply-adds, so the adders never wait for
// memory; R x 2 sums are also more than the 4 to 8 that hide the latency of a multiply-add. Narrow
// results use fewer registers a row. Only gemm.cpp includes this.
namespace kindling::kernels {

/// Columns are counted in units: half of a 64-byte register (two halves run as fast as one whole
/// where multiply-adds are 32 bytes wide inside), a whole smaller one.
inline constexpr int kUnitBytes = std::min(kRegisterBytes, 32);
inline constexpr int kUnit = kUnitBytes / static_cast<int>(sizeof(Scalar));
inline constexpr int kUnits = 2 * kRegisterBytes / kUnitBytes;  ///< In the widest tile.
inline constexpr int kPanel = kUnits * kUnit;                   ///< Columns of the widest tile.
inline constexpr int kMostRows = kRegisters == 32 ? 8 : 6;      ///< Rows of the highest tile.

inline constexpr int kLine = 64 / static_cast<int>(sizeof(Scalar));  ///< Numbers in a cache line.

/// What tiles are computed from, one below the other. Element (i, k) of A is a[i * a_row + k *
/// a_k], so A is read as it lies, transposed or not; a row of B is contiguous.
struct TileTask {
  Index k, tiles;
  const Scalar* a;
  Index a_row, a_k, a_tile;
  const Scalar* b;
  Index b_k;
  Scalar* c;
  Index c_row;
  Index columns;        ///< To write, at most the width of the tile.
  const Scalar* start;  ///< C = start + A B: C itself, or a row for all rows of C; null for none.
  Index start_row;
};

/// n numbers of a row of C from a tile in memory: L at a time, then the rest in halves of L.
template <int L>
[[gnu::always_inline]] inline void finish_row(Scalar* c, const Scalar* tile, const Scalar* start,
                                              Index n) {
  using V = simd::Vec<Scalar, L>;
  Index i = 0;
  for (; i + L <= n; i += L) {
    V v = simd::load<V>(tile + i);
    if (start) v += simd::load<V>(start + i);
    simd::store(c + i, v);
  }
  if constexpr (L > 1) finish_row<L / 2>(c + i, tile + i, start ? start + i : nullptr, n - i);
}

/// C from a tile in memory, rows `width` long, of which only some columns are part of C.
[[gnu::noinline]] inline void finish_partly(const TileTask& t, Scalar* c, const Scalar* start,
                                            const Scalar* tile, Index rows, Index width) {
  for (Index r = 0; r < rows; ++r)
    finish_row<kUnit>(c + r * t.c_row, tile + r * width, start ? start + r * t.start_row : nullptr,
                      t.columns);
}

/// Tiles of R rows and H units of columns.
template <int R, int H>
void multiply_tiles(const TileTask& task) {
  const TileTask t = task;  // a copy, which no store into C can change
  constexpr int kPerRegister = kRegisterBytes / kUnitBytes;
  constexpr int F = H / kPerRegister, T = H % kPerRegister;  // whole registers, and a half
  using Full = simd::Vec<Scalar, kPerRegister * kUnit>;
  using Half = simd::Vec<Scalar, kUnit>;
  constexpr int kFull = kPerRegister * kUnit;
  const bool all = t.columns == H * kUnit;
  const Scalar *a = t.a, *start = t.start;
  Scalar* c = t.c;
  for (Index tile = t.tiles; tile > 0; --tile, a += t.a_tile) {
    // C is needed at the end: called now, it arrives while the sums are computed.
#pragma GCC unroll 1
    for (int r = 0; r < R; ++r)
      for (int j = 0; j < H * kUnit; j += kLine) __builtin_prefetch(c + r * t.c_row + j, 1);
    Full sums[R][F + 1] = {};
    Half rest[R] = {};
    const Scalar *at = a, *b = t.b;
    for (Index k = t.k; k > 0; --k, at += t.a_k, b += t.b_k) {
      Full whole[F + 1];
      Half half;
#pragma GCC unroll 4
      for (int v = 0; v < F; ++v) whole[v] = simd::load<Full>(b + v * kFull);
      if constexpr (T > 0) half = simd::load<Half>(b + F * kFull);
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) {
        const Scalar x = at[r * t.a_row];
#pragma GCC unroll 4
        for (int v = 0; v < F; ++v) sums[r][v] += x * whole[v];
        if constexpr (T > 0) rest[r] += x * half;
      }
    }
    if (all && start) {
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r, start += t.start_row) {
#pragma GCC unroll 4
        for (int v = 0; v < F; ++v) sums[r][v] += simd::load<Full>(start + v * kFull);
        if constexpr (T > 0) rest[r] += simd::load<Half>(start + F * kFull);
      }
    }
    alignas(64) Scalar partly[R * H * kUnit];
    const auto put = [&](Scalar* to, Index to_row) {
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r, to += to_row) {
#pragma GCC unroll 4
        for (int v = 0; v < F; ++v) simd::store(to + v * kFull, sums[r][v]);
        if constexpr (T > 0) simd::store(to + F * kFull, rest[r]);
      }
    };
    if (all) {
      put(c, t.c_row);
    } else {
      put(partly, H * kUnit);
      finish_partly(task, c, start, partly, R, H * kUnit);
      if (start) start += R * t.start_row;
    }
    c += R * t.c_row;
  }
}

using Tiles = void (*)(const TileTask&);

/// The tiles of so many rows and units: kTiles[(rows - 1) * kUnits + units - 1].
inline constexpr auto kTiles = []<std::size_t... I>(std::index_sequence<I...>) {
  return std::array<Tiles, sizeof...(I)>{multiply_tiles<I / kUnits + 1, I % kUnits + 1>...};
}
(std::make_index_sequence<kMostRows * kUnits>());

}  // namespace kindling::kernels
