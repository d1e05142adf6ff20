#pragma once

#include <algorithm>
#include <array>

#include "engine/array.h"
#include "engine/error.h"
#include "engine/kernels/math.h"
#include "engine/kernels/stream.h"
#include "engine/parallel.h"

namespace kindling::kernels {

/// How one input is read while the elements of a broadcast result are written in order: the axes of
/// the result, with a stride of 0 along those the input repeats itself on.
class Broadcast {
 public:
  Broadcast(const Shape& from, const Shape& to);

  /// Length of the stretch that is repeated over and over, when that is all there is to it: the
  /// features of a bias, or one number. 0 otherwise.
  Index period() const {
    if (axes_ == 1) return stride_[0] == 0 ? 1 : extent_[0];
    return axes_ == 2 && stride_[0] == 1 && stride_[1] == 0 ? extent_[0] : 0;
  }

  /// Writes elements [begin, begin + n) of the broadcast input to `out`.
  void unroll(const Scalar* in, Index begin, Index n, Scalar* out) const;

 private:
  /// Innermost axis first. Neighbouring axes that are walked as one become one.
  void push(Index extent, Index stride);
  void push_axis(Index extent, Index stride);

  std::array<Index, Shape::kMaxRank + 1> extent_{}, stride_{};
  int axes_ = 0;
};

/// Elements of a broadcast input that are laid out flat at a time: small enough to stay in the
/// first-level cache until the formula reads them.
inline constexpr Index kUnroll = 1024;

/// One input of a formula, seen as the flat runs it is read in:
///
///     whole       x x x x x x x x     of the result's size: read where it lies
///     periodic    b b b b|b b b b     laid out once, a stretch longer than its period, and then
///                                     read where it lies, at any phase: a bias costs no copy
///     otherwise                       laid out anew for each stretch
class Input {
 public:
  Input(const Array& x, const Shape& to);

  /// Elements [begin, begin + n), n <= kUnroll.
  math::ConstRun run(Index begin, Index n, Scalar* scratch) const {
    if (whole_) return {at_ + begin, n};
    if (period_ > 0) return {at_ + begin % period_, n};
    walk_.unroll(at_, begin, n, scratch);
    return {scratch, n};
  }

 private:
  Broadcast walk_;
  const Scalar* at_;
  bool whole_;
  Index period_ = 0;
  Array tile_;
};

/// y[i] = f(x0[i], x1[i], ...) for every element of y, of inputs of y's size. An input may lie
/// where y does, element upon element: then y's lines are fetched anyway.
template <class F, class... Xs>
void map_whole_to(Array& y, bool in_place, const F& f, const Xs&... xs) {
  if (y.size() == 0) return;
  Scalar* out = y.data();
  const bool around = !in_place && goes_around(y.size());
  parallel_chunks(y.size(), kChunk, y.size(), [&](Index begin, Index end) {
    const Index n = end - begin;
    put_run(out + begin, n, around, f(math::ConstRun(std::as_const(xs).data() + begin, n)...));
    if (around) simd::fence();
  });
}

/// The same for inputs that are broadcast to y's shape.
template <class F, class... Xs>
void map_to(Array& y, bool in_place, const F& f, const Xs&... xs) {
  (check(broadcasts_to(xs.shape(), y.shape()), "map", xs.shape(), " does not broadcast to ",
         y.shape()),
   ...);
  if ((... && (xs.size() == y.size()))) return map_whole_to(y, in_place, f, xs...);
  if (y.size() == 0) return;
  Scalar* out = y.data();
  const bool around = !in_place && goes_around(y.size());
  constexpr std::size_t kInputs = sizeof...(Xs);
  const std::array<Input, kInputs> inputs{Input(xs, y.shape())...};
  parallel_chunks(y.size(), kChunk, y.size(), [&](Index begin, Index end) {
    alignas(64) std::array<std::array<Scalar, kUnroll>, kInputs> scratch;
    for (Index at = begin; at < end; at += kUnroll) {
      const Index n = std::min(kUnroll, end - at);
      [&]<std::size_t... I>(std::index_sequence<I...>) {
        put_run(out + at, n, around, f(inputs[I].run(at, n, scratch[I].data())...));
      }
      (std::make_index_sequence<kInputs>());
    }
    if (around) simd::fence();
  });
}

/// y[i] = f(x0[i], x1[i], ...) for every element, inputs broadcast to `shape`; ShapeError where one
/// does not. f takes runs of
/// memory (math::ConstRun) and returns an Eigen expression. The one generic walker: vector
/// registers, threads and broadcasting for every elementwise formula. A formula only ever sees flat
/// runs of equal length.
template <class F, class... Xs>
Array map(const Shape& shape, const F& f, const Xs&... xs) {
  Array y(shape);
  map_to(y, false, f, xs...);
  return y;
}

/// The same over x0's shape, for an x0 that is no longer needed: when nobody else holds its buffer
/// the result is written over it, which saves an allocation and a third of the memory traffic.
template <class F, class... Xs>
Array map_over(Array&& x0, const F& f, const Xs&... xs) {
  if (!x0.unique()) return map(x0.shape(), f, x0, xs...);
  Array y = std::move(x0);
  map_to(y, true, f, y, xs...);
  return y;
}

/// map() and map_over() for inputs of one shape, which need no broadcasting.
/// @{
template <class F, class... Xs>
Array map_whole(const F& f, const Array& x0, const Xs&... xs) {
  Array y(x0.shape());
  map_whole_to(y, false, f, x0, xs...);
  return y;
}
template <class F, class... Xs>
Array map_whole_over(Array&& x0, const F& f, const Xs&... xs) {
  if (!x0.unique()) return map_whole(f, x0, xs...);
  Array y = std::move(x0);
  map_whole_to(y, true, f, y, xs...);
  return y;
}
/// @}

/// x repeated along new and unit axes until it has the wanted shape.
inline Array expand(const Array& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  return map(
      shape, [](const auto& run) { return run; }, x);
}

}  // namespace kindling::kernels
