#pragma once

#include <algorithm>
#include <cstring>

#include "engine/kernels/simd.h"
#include "engine/scalar.h"

// A vector times a matrix, x (K) B (K, M) -> (M). Every number of B is used once, so there is
// nothing to keep in registers but the sums, and packing would cost more than the product:
//
//   rows of B contiguous:      x0 * [ b00 b01 .. ]  +  x1 * [ b10 b11 .. ]  +  ...
//   columns of B contiguous:   c0 = [ x0 x1 .. ] . [ b00 b10 .. ]  and so on: dot products
//
// Every sum is kSets sums in turn, else each addition would wait for the one before it; their
// order does not depend on where the columns are cut. Only gemm.cpp includes this.
namespace kindling::kernels {

inline constexpr int kSets = 4;

/// V registers of L columns of C; B's rows are `step` apart.
template <int L, int V>
void combine_rows(const Scalar* x, Index k, const Scalar* b, Index step, Scalar* c) {
  using Register = simd::Vec<Scalar, L>;
  Register sums[kSets][V] = {};
  Index p = 0;
  for (; p + kSets <= k; p += kSets, b += kSets * step)
#pragma GCC unroll 4
    for (int s = 0; s < kSets; ++s)
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v)
        sums[s][v] += x[p + s] * simd::load<Register>(b + s * step + v * L);
  for (; p < k; ++p, b += step)
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) sums[0][v] += x[p] * simd::load<Register>(b + v * L);
#pragma GCC unroll 4
  for (int v = 0; v < V; ++v)
    simd::store(c + v * L, (sums[0][v] + sums[1][v]) + (sums[2][v] + sums[3][v]));
}

/// n columns of C: whole registers, then ever smaller ones.
template <int L = simd::kLanes<Scalar>>
void combine_columns(const Scalar* x, Index k, const Scalar* b, Index step, Scalar* c, Index n) {
  constexpr int V = kRegisters == 32 ? 4 : 2;
  for (; n >= V * L; n -= V * L, b += V * L, c += V * L) combine_rows<L, V>(x, k, b, step, c);
  for (; n >= L; n -= L, b += L, c += L) combine_rows<L, 1>(x, k, b, step, c);
  if constexpr (L > 1) combine_columns<L / 2>(x, k, b, step, c, n);
}

/// A dot product of fewer than 2 L numbers.
template <int L>
Scalar dot_short(const Scalar* x, const Scalar* y, Index n) {
  using Register = simd::Vec<Scalar, L>;
  Scalar sum = 0;
  if (n >= L) {
    sum = simd::sum(simd::load<Register>(x) * simd::load<Register>(y));
    x += L, y += L, n -= L;
  }
  if constexpr (L > 1) sum += dot_short<L / 2>(x, y, n);
  return sum;
}

/// R dot products of x with columns of B, which lie `across` apart.
template <int R>
void dot_columns(const Scalar* x, Index k, const Scalar* b, Index across, Scalar* c) {
  constexpr int L = simd::kLanes<Scalar>;
  using Register = simd::Vec<Scalar, L>;
  Register sums[R][kSets] = {};
  Index p = 0;
  for (; p + kSets * L <= k; p += kSets * L)
#pragma GCC unroll 4
    for (int s = 0; s < kSets; ++s) {
      const Register factor = simd::load<Register>(x + p + s * L);
#pragma GCC unroll 4
      for (int r = 0; r < R; ++r)
        sums[r][s] += factor * simd::load<Register>(b + r * across + p + s * L);
    }
  for (; p + L <= k; p += L)
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r)
      sums[r][0] += simd::load<Register>(x + p) * simd::load<Register>(b + r * across + p);
#pragma GCC unroll 4
  for (int r = 0; r < R; ++r)
    c[r] = simd::sum((sums[r][0] + sums[r][1]) + (sums[r][2] + sums[r][3])) +
           dot_short<L / 2>(x + p, b + r * across + p, k - p);
}

/// n columns of C.
inline void dot_columns(const Scalar* x, Index k, const Scalar* b, Index across, Scalar* c,
                        Index n) {
  constexpr int R = kRegisters == 32 ? 4 : 2;
  for (; n >= R; n -= R, b += R * across, c += R) dot_columns<R>(x, k, b, across, c);
  for (; n > 0; --n, b += across, ++c) dot_columns<1>(x, k, b, across, c);
}

}  // namespace kindling::kernels
