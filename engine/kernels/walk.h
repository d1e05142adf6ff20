#pragma once

#include <algorithm>
#include <array>
#include <numeric>

#include "engine/array.h"
#include "engine/kernels/simd.h"
#include "engine/parallel.h"

/// Loops over memory whose body is written once and runs on whole vector registers, then on single
/// numbers for what is left: body(V(), i) gets the type to load as its first argument. A body
/// captures by value: a pointer that stands in memory would be fetched anew after every store.
namespace kindling::kernels {

using Register = simd::Vec<Scalar, simd::kLanes<Scalar>>;

/// Calls body(V(), i) for every i of [begin, end).
template <class Body>
[[gnu::always_inline]] inline void walk(Index begin, Index end, Body body) {
  Index i = begin;
  for (; i + simd::kLanes<Scalar> <= end; i += simd::kLanes<Scalar>) body(Register{}, i);
  for (; i < end; ++i) body(Scalar{}, i);
}

/// Memory for a result that is computed from x number by number: x's own when nobody else holds it.
/// What pointed into x may still be read.
inline Array room_of(Array&& x) { return x.unique() ? std::move(x) : Array(x.shape()); }

/// How a matrix (rows, C) is walked with a number per channel at hand. Rows lie one behind the
/// other, so several narrow ones make one wide row, which ends where a register ends:
///
///     C = 10, 16 lanes:  |c0 .... c9|c0 .... c9| ... 8 times: W = 80 numbers, 5 registers
///
/// Numbers per channel are repeated to that pattern once, and element i meets pattern[i % W]. All
/// cuts depend on the shape alone.
struct ChannelWalk {
  Index size, channels, rows;
  Index side;   ///< Rows that lie side by side in a pattern,
  Index width;  ///< and W, its length: a multiple of C.
  Index chunk;  ///< Elements of a task, a multiple of W: stays in the first-level cache.

  static constexpr Index kPattern = 128, kTask = 4 * 1024;

  explicit ChannelWalk(const Shape& x)
      : size(x.size()), channels(x[-1]), rows(channels ? size / channels : 0) {
    const Index lanes = simd::kLanes<Scalar>, c = std::max<Index>(channels, 1);
    const Index step = lanes / std::gcd(lanes, c);  // rows until a register ends with a row
    side = step * c <= 2 * kPattern ? step * std::max<Index>(1, kPattern / (step * c))
                                    : std::max<Index>(1, kPattern / c);
    width = side * c;
    chunk = std::max<Index>(1, kTask / width) * width;
  }

  Index chunks() const { return (size + chunk - 1) / chunk; }
  Index rows_in(Index k) const { return std::min(chunk, size - k * chunk) / channels; }

  /// Calls body(chunk number, begin, end), in parallel.
  template <class Body>
  void each_chunk(const Body& body) const {
    parallel_for(chunks(), size,
                 [&](Index k) { body(k, k * chunk, std::min(size, (k + 1) * chunk)); });
  }

  /// Calls body(V(), i, j) for the elements i of [begin, end), begin a multiple of W, and their
  /// places j in the pattern.
  template <class Body>
  [[gnu::always_inline]] void walk_pattern(Index begin, Index end, Body body) const {
    const Index step = width;
    for (Index at = begin; at < end; at += step)
      walk(0, std::min(step, end - at), [=](auto lanes, Index j) { body(lanes, at + j, j); });
  }

  /// Numbers per channel (C), repeated to the pattern.
  Array pattern(const Array& per_channel) const {
    Array wide(Shape{width});
    repeat(per_channel.data(), wide.data());
    return wide;
  }
  void repeat(const Scalar* per_channel, Scalar* wide) const {
    for (Index k = 0; k < side; ++k) std::copy_n(per_channel, channels, wide + k * channels);
  }
  /// The sums of a pattern, per channel, in the order of the rows.
  void fold(const Scalar* wide, Scalar* per_channel) const {
    std::copy_n(wide, channels, per_channel);
    for (Index k = 1; k < side; ++k)
      for (Index c = 0; c < channels; ++c) per_channel[c] += wide[k * channels + c];
  }
};

}  // namespace kindling::kernels
