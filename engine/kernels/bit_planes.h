#pragma once

#include <array>
#include <cstdint>

#include "engine/kernels/simd.h"

/// Counting small numbers by their bits. Hundreds of numbers below 64 are turned into six long
/// words, their planes: bit i of plane p is bit p of number i. Which of them are, say, 5 = 000101
/// is then a long word too, and one instruction counts its ones:
///
///     is_five = ~plane5 & ~plane4 & ~plane3 & plane2 & ~plane1 & plane0
///
/// With 512-bit registers that is an AND, a count and an addition for every value a number may have
/// and every 512 numbers, whatever the numbers are.
namespace kindling::kernels {

using Bytes = simd::Vec<std::uint8_t, kRegisterBytes>;
using Word = simd::Vec<std::uint32_t, kRegisterBytes / 4>;  ///< A register of bits.

/// Whether an instruction counts the ones of every lane of a register.
#ifdef __AVX512VPOPCNTDQ__
inline constexpr bool kCountsOnes = true;
#else
inline constexpr bool kCountsOnes = false;
#endif

class BitPlanes {
 public:
  static constexpr int kCells = 64;
  static constexpr Index kNumbers = 2048;  ///< That are counted at a time.

  /// Counts the numbers below `cells`; bytes(i) are numbers i, i + 1, ... of those that are added,
  /// in any order, to a byte each.
  template <class F>
  void add(int cells, const F& bytes) {
    std::array<Word, kCells> in_bytes;  // only where ones are counted in bytes
    if constexpr (!kCountsOnes) in_bytes = {};
    Word* sums = kCountsOnes ? counts_.data() : in_bytes.data();
    for (Index i = 0; i < kNumbers; i += kGroup) {
      // How the lower three bits are, and the upper three: 8 words each. A pair of them is a
      // number.
      Word plane[8], low[8], high[8];
#pragma GCC unroll 8
      for (int k = 0; k < 8; ++k) plane[k] = (Word)bytes(i + k * kRegisterBytes);
      transpose(plane);
      combine(plane, low);
      combine(plane + 3, high);
      for (int h = 0; 8 * h < cells; ++h) {
        if (none(high[h])) continue;
#pragma GCC unroll 8
        for (int k = 0; k < 8; ++k) sums[8 * h + k] += ones(high[h] & low[k]);
      }
    }
    if constexpr (!kCountsOnes)
      for (int i = 0; i < cells; ++i) counts_[i] += widened(in_bytes[i]);
  }

  /// Adds what was counted.
  void add_to(int cells, std::int32_t* out) const {
    for (int i = 0; i < cells; ++i) out[i] += static_cast<std::int32_t>(simd::sum(counts_[i]));
  }

 private:
  static constexpr Index kGroup = 8 * kRegisterBytes;  // numbers to a bit each in a register
  static_assert(kNumbers % kGroup == 0 && 8 * kNumbers / kGroup < 256, "a byte holds their sum");

  static Word repeat(std::uint32_t byte) { return Word{} + 0x01010101 * byte; }

  /// In every two words `kApart` apart, trades the upper bits of the first one's bytes, in groups
  /// of that many, for the lower bits of the second one's. `mask` are the lower ones.
  template <int kApart>
  static void trade(Word (&w)[8], std::uint32_t mask) {
    const Word lower = repeat(mask);
#pragma GCC unroll 8
    for (int k = 0; k < 8; ++k) {
      if (k & kApart) continue;
      const Word a = w[k], b = w[k + kApart];
      w[k] = (a & lower) | (b << kApart & ~lower);
      w[k + kApart] = (a >> kApart & lower) | (b & ~lower);
    }
  }
  /// Eight bytes of eight bits in every byte's place: bit p of w[k] becomes bit k of w[p].
  static void transpose(Word (&w)[8]) {
    trade<4>(w, 0x0f);
    trade<2>(w, 0x33);
    trade<1>(w, 0x55);
  }
  /// out[k] = where the bits of the three planes are those of k.
  static void combine(const Word* plane, Word* out) {
    for (int k = 0; k < 8; ++k)
      out[k] = (k & 1 ? plane[0] : ~plane[0]) & (k & 2 ? plane[1] : ~plane[1]) &
               (k & 4 ? plane[2] : ~plane[2]);
  }

  static bool none(const Word& w) {
    const auto bits = (simd::Vec<std::uint64_t, sizeof(Word) / 8>)w;
    return simd::fold(bits, [](const auto& a, const auto& b) { return a | b; }) == 0;
  }
  /// How many bits of each lane are one; or of each byte, counted in pairs of bits, in fours and in
  /// eights.
  static Word ones(Word w) {
    if constexpr (kCountsOnes) {
      Word n;
      for (std::size_t k = 0; k < sizeof(Word) / 4; ++k)
        n[k] = static_cast<std::uint32_t>(__builtin_popcount(w[k]));
      return n;
    }
    w -= w >> 1 & repeat(0x55);
    w = (w & repeat(0x33)) + (w >> 2 & repeat(0x33));
    return (w + (w >> 4)) & repeat(0x0f);
  }
  /// The sum of each lane's bytes.
  static Word widened(Word w) {
    w = (w & 0x00ff00ff) + (w >> 8 & 0x00ff00ff);
    return (w & 0xffff) + (w >> 16);
  }

  std::array<Word, kCells> counts_{};
};

}  // namespace kindling::kernels
