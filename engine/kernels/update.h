#pragma once

#include <span>

#include "engine/array.h"

namespace kindling::kernels {

/// Kernels that change an array in place. One that shares its buffer gets a buffer of its own
/// first.

/// y += a * x, same shapes.
void add_scaled(Array& y, Scalar a, const Array& x);
/// y *= a.
void scale(Array& y, Scalar a);

/// One step of an optimizer: every array is read once and written once, and all parameters share
/// one parallel region, since most of them are too small for one of their own. Within a slot all
/// arrays have the parameter's shape.

struct SgdSlot {
  Array& value;
  const Array& grad;
  Array& velocity;  ///< Undefined when there is no momentum.
};
struct SgdStep {
  double lr, momentum, weight_decay;
  bool nesterov = false;
};
/// g = grad + weight_decay p;  v = momentum v + g;  p -= lr v  (nesterov: lr (g + momentum v))
void sgd_step(std::span<const SgdSlot> slots, const SgdStep& step);

struct AdamSlot {
  Array& value;
  const Array& grad;
  Array &mean, &square;  ///< Running means of the gradient and of its square.
  /// By which the running means, which began at 0, fall short after t steps: 1 - beta^t.
  double mean_share, square_share;
};
struct AdamStep {
  double lr, beta1, beta2, eps;
  double weight_decay;  ///< Added to the gradient,
  double shrink;        ///< and what p is multiplied by first, whatever its gradient.
};
/// g = grad + weight_decay p;  m = beta1 m + (1 - beta1) g;  s = beta2 s + (1 - beta2) g^2;
/// p = shrink p - lr (m / mean_share) / (sqrt(s / square_share) + eps)
void adam_step(std::span<const AdamSlot> slots, const AdamStep& step);

struct RmsSlot {
  Array& value;
  const Array& grad;
  Array& square;    ///< Running mean of the squared gradient.
  Array& velocity;  ///< Undefined when there is no momentum.
};
struct RmsStep {
  double lr, alpha, eps, momentum, weight_decay;
};
/// g = grad + weight_decay p;  s = alpha s + (1 - alpha) g^2;  v = momentum v + g / (sqrt(s) +
/// eps); p -= lr v
void rms_step(std::span<const RmsSlot> slots, const RmsStep& step);

}  // namespace kindling::kernels
