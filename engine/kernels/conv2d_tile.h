#pragma once

#include <algorithm>
#include <type_traits>

#include "engine/array.h"
#include "engine/kernels/simd.h"
#include "engine/parallel.h"

/// Register tiles and packed weights. Only conv2d.cpp includes this.
namespace kindling::kernels {

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

  /// at[p][v] += a(p) * b[v] for one step of the inner loop.
  template <class Broadcast>
  [[gnu::always_inline]] void step(const Broadcast& a, const Scalar* b) {
    V row[NV];
#pragma GCC unroll 2
    for (int v = 0; v < NV; ++v) row[v] = simd::load<V>(b + v * L);
#pragma GCC unroll 16
    for (int p = 0; p < P; ++p) {
      const Scalar broadcast = a(p);
#pragma GCC unroll 2
      for (int v = 0; v < NV; ++v) at[p][v] += broadcast * row[v];
    }
  }
};

/// A matrix (rows, columns) cut into panels `width` columns wide, each stored row after row, the
/// last filled up with zeros: (panels, rows, width). Column j of row i is at(i)[j * column].
template <class Row>
Array pack(const Row& at, Index rows, Index columns, Index column, Index width) {
  const Index panels = (columns + width - 1) / width;
  Array packed(Shape{panels, rows, width});
  Scalar* out = packed.data();
  parallel_for(panels, 4 * packed.size(), [&](Index panel) {
    Scalar* to = out + panel * rows * width;
    const Index filled = std::min(width, columns - panel * width);
    for (Index i = 0; i < rows; ++i, to += width) {
      const Scalar* from = at(i) + panel * width * column;
      for (Index j = 0; j < filled; ++j) to[j] = from[j * column];
      std::fill(to + filled, to + width, Scalar{0});
    }
  });
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

/// Calls f(rows) as a compile-time number: `rows` itself, at most R.
template <int R, class F>
void with_rows(Index rows, const F& f) {
  if constexpr (R > 1) {
    if (rows < R) return with_rows<R - 1>(rows, f);
  }
  f(std::integral_constant<int, R>());
}

/// One scratch of this many numbers a thread.
struct Scratch {
  explicit Scratch(Index per_thread) : size(per_thread), memory(Shape{max_threads(), per_thread}) {
    data = memory.data();
  }
  Scalar* mine() const { return data + thread_index() * size; }
  Index size;
  Array memory;
  Scalar* data;
};

}  // namespace kindling::kernels
