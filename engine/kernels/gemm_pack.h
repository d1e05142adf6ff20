#pragma once

#include <algorithm>
#include <cstddef>
#include <limits>
#include <type_traits>
#include <utility>

#include "engine/kernels/gemm_tile.h"

// Copies of the operands in the order in which the tiles read them.
//
// Seen from the inner loop the two operands are alike: a matrix with an axis k that is summed over
// and an axis across, the rows of C for A and the columns of C for B. Packing cuts it across into
// strips (kMostRows of A, kPanel of B) and writes each strip step after step of k:
//
//         across ->                             strip 0       strip 1       strip 2
//   k   | 00 01 02 03 04 05 06 07 08 09 |      00 01 02 03   04 05 06 07   08 09 .. ..
//   |   | 10 11 12 13 14 15 16 17 18 19 |  ->  10 11 12 13   14 15 16 17   18 19 .. ..
//   v   | 20 21 22 23 24 25 26 27 28 29 |      20 21 22 23   24 25 26 27   28 29 .. ..
//
// Then a tile reads from one place, in order, whole registers at a time. Only gemm.cpp includes
// this.
namespace kindling::kernels {

/// How an axis is cut into strips: all are full but the last, and of rows the last two, which share
/// what is left, so that no tile is much lower than the others.
struct StripCut {
  Index extent, full;  ///< Of the axis; of a strip.
  bool share;
  Index count = (extent + full - 1) / full;
  /// How many are full, and the size of the next one.
  Index whole = share && count > 1 && extent % full > 0 ? count - 2 : extent / full;
  Index next = share && count > 1 ? (extent - whole * full + 1) / 2 : extent - whole* full;

  Index begin(Index strip) const {
    return strip <= whole ? strip * full : strip < count ? whole * full + next : extent;
  }
  Index size(Index strip) const {
    return strip < whole ? full : strip == whole ? next : extent - whole * full - next;
  }
  /// Numbers in a packed step.
  Index width(Index strip) const {
    return share ? full : (size(strip) + kUnit - 1) / kUnit * kUnit;
  }
};

/// Element (k, j) is data[k * step + j * across], where `step` or `across` is 1.
struct Operand {
  const Scalar* data;
  Index step, across;
  StripCut cut;
};

/// a0 b0 a1 b1 ...: of the lower halves of two registers, or of the upper ones.
template <bool Upper, class V, std::size_t... I>
V interleave(const V& a, const V& b, std::index_sequence<I...>) {
  constexpr std::size_t L = sizeof...(I), from = Upper ? L / 2 : 0;
  return __builtin_shufflevector(a, b, (I / 2 + from + (I % 2) * L)...);
}

/// A square of kUnit x kUnit numbers turned over: to[i * to_row + j] = from[j * from_row + i].
/// Interleaving the first half of the rows with the second, log2(kUnit) times, does it.
inline void transpose_unit(const Scalar* from, Index from_row, Scalar* to, Index to_row) {
  using V = simd::Vec<Scalar, kUnit>;
  constexpr std::make_index_sequence<kUnit> lanes;
  V rows[kUnit], next[kUnit];
#pragma GCC unroll 8
  for (int i = 0; i < kUnit; ++i) rows[i] = simd::load<V>(from + i * from_row);
#pragma GCC unroll 3
  for (int apart = 1; apart < kUnit; apart *= 2) {
#pragma GCC unroll 4
    for (int i = 0; i < kUnit / 2; ++i) {
      next[2 * i] = interleave<false>(rows[i], rows[i + kUnit / 2], lanes);
      next[2 * i + 1] = interleave<true>(rows[i], rows[i + kUnit / 2], lanes);
    }
#pragma GCC unroll 8
    for (int i = 0; i < kUnit; ++i) rows[i] = next[i];
  }
#pragma GCC unroll 8
  for (int i = 0; i < kUnit; ++i) simd::store(to + i * to_row, rows[i]);
}

/// `steps` steps of a strip: `count` numbers each from x, then zeros up to `width`.
inline void pack_steps(const Scalar* x, Index step, Index across, Index steps, Index count,
                       Index width, Scalar* strip) {
  constexpr Index kHalf = kUnit / 2;
  const auto copy = [&](Index j, auto length) {
    for (Index k = 0; k < steps; ++k) {
      __builtin_prefetch(x + (k + steps) * step + j);  // the next call's: each step is elsewhere
      std::copy_n(x + k * step + j, length(), strip + k * width + j);
    }
  };
  Index j = 0;
  if (across == 1) {
    for (; j + kUnit <= count; j += kUnit) copy(j, std::integral_constant<Index, kUnit>());
    if (count - j >= kHalf) {  // two halves that overlap
      copy(j, std::integral_constant<Index, kHalf>());
      copy(count - kHalf, std::integral_constant<Index, kHalf>());
      j = count;
    }
  } else if (steps % kUnit == 0) {
    for (; j + kUnit <= count; j += kUnit)
      for (Index k = 0; k < steps; k += kUnit)
        transpose_unit(x + k * step + j * across, across, strip + k * width + j, width);
  }
  for (; j < width; ++j)
    for (Index k = 0; k < steps; ++k)
      strip[k * width + j] = j < count ? x[k * step + j * across] : 0;
}

/// What a tile needs to know of a strip: number j of step k is data[k * step + j * across].
struct Strip {
  const Scalar* data;
  Index step, across, next;  ///< From step to step, from number to number, to the next strip.
  Index begin, size;         ///< Which rows or columns of C it is.
};

/// The strips of an operand over `steps` steps from step k on, read where they lie or packed.
class Strips {
 public:
  Strips(const Operand& x, Index k, Index steps) : x_(x), k_(k), steps_(steps) {}

  /// Packs the strips [begin, end); nobody may ask for a later one then.
  void pack(Index begin, Index end, Scalar* to) {
    first_ = begin;
    packed_ = to;
    // A few steps of all strips, then the next: what lies side by side is read together.
    const Index few = x_.across == 1 ? kUnit : 8 * kUnit;
    for (Index k = 0; k < steps_; k += few)
      for (Index strip = begin; strip < end; ++strip) {
        const Index width = x_.cut.width(strip);
        pack_steps(in_place(strip) + k * x_.step, x_.step, x_.across, std::min(few, steps_ - k),
                   x_.cut.size(strip), width,
                   to + (strip - begin) * x_.cut.full * steps_ + k * width);
      }
  }

  Strip operator[](Index strip) const {
    const Index begin = x_.cut.begin(strip), size = x_.cut.size(strip);
    const Index full = x_.cut.full;
    if (strip < first_) return {in_place(strip), x_.step, x_.across, full * x_.across, begin, size};
    const Scalar* packed = packed_ + (strip - first_) * full * steps_;
    return {packed, x_.cut.width(strip), 1, full * steps_, begin, size};
  }
  const StripCut& cut() const { return x_.cut; }

 private:
  const Scalar* in_place(Index strip) const {
    return x_.data + k_ * x_.step + x_.cut.begin(strip) * x_.across;
  }

  const Operand& x_;
  Index k_, steps_;
  Index first_ = std::numeric_limits<Index>::max();
  const Scalar* packed_ = nullptr;
};

}  // namespace kindling::kernels
