#pragma once

#include <limits>
#include <variant>

#include "engine/array.h"
#include "engine/kernels/simd.h"

namespace kindling::kernels {

/// Activations as formulas over a vector register V or a single Scalar. Backward reads the output
/// alone: the input need not be kept. It chooses between dy and leak * dy and never multiplies by a
/// slope, so that the number is the same wherever the compiler puts the formula.

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

/// y = min(x where x > 0 else leak x, ... - sub, max);
/// dx = dy where y > -sub, else leak dy;  0 where y has reached max
struct GeneralRelu {
  Scalar leak = 0, sub = 0, max = std::numeric_limits<Scalar>::infinity();

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
