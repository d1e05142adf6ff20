#pragma once

#include <algorithm>
#include <array>

#include "engine/array.h"
#include "engine/kernels/math.h"
#include "engine/parallel.h"

namespace kindling::kernels {

/// How one input is read while the elements of a broadcast result are written in order: the axes of
/// the result, with a stride of 0 along those the input repeats itself on.
class Broadcast {
 public:
  Broadcast(const Shape& from, const Shape& to) {
    Index stride = 1;
    for (int i = 1; i <= to.rank(); ++i) {
      const Index extent = i <= from.rank() ? from[-i] : 1;
      push(to[-i], extent == 1 ? 0 : stride);
      stride *= extent;
    }
    if (axes_ == 0) push_axis(1, 0);
  }

  /// Writes elements [begin, begin + n) of the broadcast input to `out`.
  void unroll(const Scalar* in, Index begin, Index n, Scalar* out) const {
    while (n > 0) {
      Index rest = begin / extent_[0], at = 0;
      const Index column = begin % extent_[0];
      for (int a = 1; a < axes_; ++a) {
        at += rest % extent_[a] * stride_[a];
        rest /= extent_[a];
      }
      const Index length = std::min(n, extent_[0] - column);
      if (stride_[0] == 0)
        std::fill_n(out, length, in[at]);
      else
        std::copy_n(in + at + column, length, out);
      begin += length;
      out += length;
      n -= length;
    }
  }

 private:
  /// Innermost axis first. Neighbouring axes that are walked as one become one.
  void push(Index extent, Index stride) {
    if (extent == 1) return;
    const bool one_walk =
        axes_ > 0 &&
        (stride_[axes_ - 1] == 0 ? stride == 0 : stride == stride_[axes_ - 1] * extent_[axes_ - 1]);
    if (one_walk)
      extent_[axes_ - 1] *= extent;
    else
      push_axis(extent, stride);
  }
  void push_axis(Index extent, Index stride) {
    extent_[axes_] = extent;
    stride_[axes_++] = stride;
  }

  std::array<Index, Shape::kMaxRank + 1> extent_{}, stride_{};
  int axes_ = 0;
};

/// Elements of a broadcast input that are laid out flat at a time: small enough to stay in the
/// first-level cache until the formula reads them.
inline constexpr Index kUnroll = 1024;

/// y[i] = f(x0[i], x1[i], ...) for every element, inputs broadcast to `shape`. f takes runs of
/// memory (math::ConstRun) and returns an Eigen expression. The one generic walker: vector
/// registers, threads and broadcasting for every elementwise formula. A formula only ever sees flat
/// runs of equal length; an input that is broadcast is unrolled, a short stretch at a time.
template <class F, class... Xs>
Array map(const Shape& shape, const F& f, const Xs&... xs) {
  Array y(shape);
  Scalar* out = y.data();
  const bool flat = (... && (xs.shape() == shape));
  if (flat) {
    parallel_chunks(y.size(), kChunk, y.size(), [&](Index begin, Index end) {
      math::Run(out + begin, end - begin) = f(math::ConstRun(xs.data() + begin, end - begin)...);
    });
    return y;
  }
  constexpr std::size_t kInputs = sizeof...(Xs);
  const std::array<Broadcast, kInputs> walks{Broadcast(xs.shape(), shape)...};
  const std::array<const Scalar*, kInputs> in{std::as_const(xs).data()...};
  const std::array<bool, kInputs> whole{(xs.shape() == shape)...};
  parallel_chunks(y.size(), kChunk, y.size(), [&](Index begin, Index end) {
    alignas(64) std::array<std::array<Scalar, kUnroll>, kInputs> scratch;
    for (Index at = begin; at < end; at += kUnroll) {
      const Index n = std::min(kUnroll, end - at);
      const auto run = [&](std::size_t i) {
        if (whole[i]) return math::ConstRun(in[i] + at, n);
        walks[i].unroll(in[i], at, n, scratch[i].data());
        return math::ConstRun(scratch[i].data(), n);
      };
      [&]<std::size_t... I>(std::index_sequence<I...>) { math::Run(out + at, n) = f(run(I)...); }
      (std::make_index_sequence<kInputs>());
    }
  });
  return y;
}

/// x repeated along new and unit axes until it has the wanted shape.
inline Array expand(const Array& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  return map(
      shape, [](const auto& run) { return run; }, x);
}

}  // namespace kindling::kernels
