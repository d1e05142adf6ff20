#pragma once

#include <algorithm>
#include <type_traits>
#include <utility>

#include "engine/kernels/pool2d_windows.h"
#include "engine/kernels/simd.h"

/// How a row of windows is cut into vector registers. Lanes run along channels; one, two or four of
/// them would leave most of a register empty, so there it holds several windows:
///
///     C = 1:    x  | a b a b a b a b | a b a b a b a b |     max(a a a a a a a a, b b b b b b b b)
namespace kindling::kernels {

/// L numbers in a register; a single one is just that.
template <class T, int L>
using Lanes = std::conditional_t<L == 1, T, simd::Vec<T, L>>;
template <int L>
using Values = Lanes<Scalar, L>;

/// How a row of windows is cut into registers of L numbers: into channels of a window, any number
/// of them, or into kWindows windows of C channels, each two pixels wide and next to the other.
template <int L, int C = 0>
struct LaneCut {
  static constexpr int kLanes = L, kWindows = C > 0 ? L / C : 1;

  /// Calls body(k) for the windows from k on that share registers, body(j) for the runs of L
  /// numbers from their j-th on. The last two may overlap.
  template <class Body>
  [[gnu::always_inline]] static void each_window(Index windows, const Body& body) {
    for (Index k = 0; k < windows; k += kWindows) body(std::min(k, windows - kWindows));
  }
  template <class Body>
  [[gnu::always_inline]] static void each(Index channels, const Body& body) {
    const Index numbers = channels * kWindows;
    for (Index j = 0; j < numbers; j += L) body(std::min(j, numbers - L));
  }

  /// The numbers under column b of the windows at x, of c channels.
  [[gnu::always_inline]] static Values<L> column(const Scalar* x, Index c, Index b) {
    if constexpr (C == 0) {
      return simd::load<Values<L>>(x + b * c);
    } else {
      const auto left = simd::load<Values<L>>(x), right = simd::load<Values<L>>(x + L);
      return [&]<int... I>(std::integer_sequence<int, I...>) {
        return b == 0 ? __builtin_shufflevector(left, right, (2 * (I - I % C) + I % C)...)
                      : __builtin_shufflevector(left, right, (2 * (I - I % C) + I % C + C)...);
      }
      (std::make_integer_sequence<int, L>());
    }
  }

  /// Writes a row of the windows at x: of(j)(b) are the numbers from the j-th on in column b.
  template <class Columns, class Of>
  [[gnu::always_inline]] static void write_row(Scalar* x, Index c, Columns columns, const Of& of) {
    if constexpr (C == 0) {
      // Many channels from left to right, which memory likes better, although of(j) is asked again.
      if (c > 2 * L) {
        for (Index b = 0; b < columns; ++b)
          each(c, [&](Index j) { simd::store(x + b * c + j, of(j)(b)); });
      } else {
        each(c, [&](Index j) {
          const auto numbers = of(j);
          for (Index b = 0; b < columns; ++b) simd::store(x + b * c + j, numbers(b));
        });
      }
    } else {
      const Values<L> left = of(0)(0), right = of(0)(1);
      [&]<int... I>(std::integer_sequence<int, I...>) {
        constexpr auto from = [](int i) { return i / C % 2 * L + i / C / 2 * C + i % C; };
        simd::store(x, __builtin_shufflevector(left, right, from(I)...));
        simd::store(x + L, __builtin_shufflevector(left, right, from(L + I)...));
      }
      (std::make_integer_sequence<int, L>());
    }
  }
};

/// Calls body.operator()<L, C>() with the LaneCut for so many channels.
template <int L = simd::kLanes<Scalar>, class Body>
void with_lanes(Index channels, const Body& body) {
  constexpr int kAll = simd::kLanes<Scalar>;
  if constexpr (L > 1) {
    if (channels < L) return with_lanes<L / 2>(channels, body);
  }
  if constexpr (L <= 4 && L < kAll) {
    if (channels == L) return body.template operator()<kAll, L>();
  }
  body.template operator()<L, 0>();
}

/// Calls body(LaneCut) with the one for a run: windows of C channels share a register when there
/// are enough of them, and when they are two pixels wide and next to each other.
template <int L, int C, class Run, class Body>
[[gnu::always_inline]] inline void cut(const Run& run, const Body& body) {
  if constexpr (C == 0 || L == C) {
    body(LaneCut<L>{});
  } else if constexpr (std::is_same_v<decltype(run.columns), Constant<2>>) {
    if (run.stride_w == 2 && run.count >= L / C) return body(LaneCut<L, C>{});
    cut<L / 2, C>(run, body);
  } else {
    body(LaneCut<C>{});
  }
}

}  // namespace kindling::kernels
