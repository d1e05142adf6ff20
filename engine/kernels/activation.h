#pragma once

#include <limits>
#include <variant>

#include "engine/array.h"
#include "engine/kernels/simd.h"

namespace kindling::kernels {

/// Activations as formulas over a vector register V or a single Scalar. Backward reads the output
/// alone: the input need not be kept. Last of all it chooses, between dy, leak * dy and 0. If a
/// product came last, compilers would fuse it with a sum that follows in some kernels, which rounds
/// once and not twice, and the number would depend on where the formula stands.

/// y = x;  dx = dy
struct Identity {
  template <class V>
  V forward(const V& x) const {
    return x;
  }
  template <class V>
  V backward(const V&, const V& dy) const {
    return dy;
  }
};

/// y = max(x, 0), a NaN stays one;  dx = dy where y > 0, else 0
struct Relu {
  template <class V>
  V forward(const V& x) const {
    return x <= V{} ? V{} : x;
  }
  template <class V>
  V backward(const V& y, const V& dy) const {
    return y > V{} ? dy : V{};
  }
};

/// y = min((x where x > 0, else leak x) - sub, max), where a max that is NaN is none;
/// dx = 0 where y has reached max, else dy where y > -sub, else leak dy
///
/// A positive x so small that x - sub is rounded to -sub (in float, below 2^-25 sub) gets leak dy:
/// the output no longer tells its side.
struct GeneralRelu {
  Scalar leak = 0, sub = 0, max = std::numeric_limits<Scalar>::quiet_NaN();

  template <class V>
  V forward(const V& x) const {
    const V y = (x > V{} ? x : leak * x) - sub, limit = simd::splat<V>(max);
    return y > limit ? limit : y;
  }
  template <class V>
  V backward(const V& y, const V& dy) const {
    const V dx = y > simd::splat<V>(-sub) ? dy : leak * dy;
    return y >= simd::splat<V>(max) ? V{} : dx;
  }
};

using Activation = std::variant<Identity, Relu, GeneralRelu>;

/// y = activation(x), and dx from dy and that y; any shape. An x that was given away and a dy that
/// nobody else holds are written over.
Array activate(const Array& x, const Activation& activation);
Array activate(Array&& x, const Activation& activation);
Array activate_dx(Array&& dy, const Array& y, const Activation& activation);

/// The same in place, by the thread that asks: for a kernel whose output is still in the cache.
/// `rows` runs of `width` numbers each, `pitch` apart, in dx and in y.
void activate_rows(Scalar* y, Index rows, Index width, Index pitch, const Activation& activation);
void activate_rows_dx(Scalar* dx, const Scalar* y, Index rows, Index width, Index pitch,
                      const Activation& activation);

}  // namespace kindling::kernels
