#pragma once

#include <array>
#include <cstdint>
#include <type_traits>

#include "engine/kernels/simd.h"

namespace kindling::simd {

/// e^x lane by lane, to one unit in the last place, for x <= 80. What would be smaller than the
/// smallest normal number is 0; a NaN stays one. Every lane rounds alike, wherever a number stands.
///
///     x = n ln 2 + r, |r| <= ln(2) / 2       so that       e^x = 2^n (1 + r + r^2 / 2! + ...)
template <class V>
V exp(const V& x) {
  using T = std::decay_t<decltype(x[0])>;
  constexpr bool kFloat = sizeof(T) == 4;
  using Int = std::conditional_t<kFloat, std::int32_t, std::int64_t>;
  constexpr int kDegree = kFloat ? 7 : 13;  // the next term is below half a unit
  constexpr int kMantissa = kFloat ? 23 : 52, kBias = kFloat ? 127 : 1023;
  // ln 2 in two parts, of which n times the first has no rounding error.
  constexpr T kUpper = kFloat ? 0.693359375 : 0x1.62e42feep-1;
  constexpr T kLower = kFloat ? -2.12194440054690583e-4 : 0x1.a39ef35793c76p-33;
  constexpr T kPerLn2 = 1.44269504088896340736, kLowest = kFloat ? -87.3365 : -708.396;
  // Beside a number as large as this one there is no room for a fraction: adding it rounds, and
  // leaves the whole number in the lowest bits, with the bias of an exponent.
  constexpr T kRound = T{3} * (std::int64_t{1} << (kMantissa - 1)) + kBias;
  constexpr auto kTaylor = [] {
    std::array<T, kDegree + 1> c{1};
    for (int k = 1; k <= kDegree; ++k) c[k] = c[k - 1] / k;
    return c;
  }();

  const V shifted = x * kPerLn2 + kRound, n = shifted - kRound;
  const V r = (x - n * kUpper) - n * kLower;
  V sum = splat<V>(kTaylor[kDegree]);
  for (int k = kDegree - 1; k >= 0; --k) sum = sum * r + kTaylor[k];
  const V power = (V)((Vec<Int, sizeof(V) / sizeof(T)>)shifted << kMantissa);
  return x < kLowest ? V{} : sum * power;
}

}  // namespace kindling::simd
