#pragma once

#include "engine/tensor.h"

/// Elementwise ops. Two operands broadcast as in NumPy (aligned at the last axis); a Scalar is a
/// tensor of shape (). Throws ShapeError when shapes do not broadcast.
namespace kindling {

/// Sum, difference, product, quotient. The gradient of an operand that was broadcast is the sum of
/// those of its copies. Dividing by 0 gives what C++ gives, an infinity or NaN.
/// @{
Tensor add(const Tensor& a, const Tensor& b);
Tensor sub(const Tensor& a, const Tensor& b);
Tensor mul(const Tensor& a, const Tensor& b);
Tensor div(const Tensor& a, const Tensor& b);
/// @}
Tensor neg(const Tensor& x);  ///< -x.

/// The functions above, as they are written in a formula.
/// @{
inline Tensor operator+(const Tensor& a, const Tensor& b) { return add(a, b); }
inline Tensor operator-(const Tensor& a, const Tensor& b) { return sub(a, b); }
inline Tensor operator*(const Tensor& a, const Tensor& b) { return mul(a, b); }
inline Tensor operator/(const Tensor& a, const Tensor& b) { return div(a, b); }
inline Tensor operator-(const Tensor& x) { return neg(x); }
/// @}

/// Ops of one operand keep its shape. Outside of where they are defined they give what C++ gives:
/// log(0) is -inf, log(-1) and sqrt(-1) are NaN, and the gradient of sqrt at 0 is inf.
/// @{
Tensor exp(const Tensor& x);
Tensor log(const Tensor& x);
Tensor sqrt(const Tensor& x);
/// @}
/// x to a constant power.
Tensor pow(const Tensor& x, Scalar exponent);
Tensor tanh(const Tensor& x);  ///< In [-1, 1]; the gradient is 1 - y^2.
/// 1 / (1 + exp(-x)).
Tensor sigmoid(const Tensor& x);
/// x sigmoid(x), also called swish (Elfwing et al., 2018).
Tensor silu(const Tensor& x);
/// x times the probability that a normal number is below x (Hendrycks and Gimpel, 2016); exact, by
/// the error function.
Tensor gelu(const Tensor& x);
/// Limited to [low, high]; the gradient is 1 inside and on the limits, 0 outside. Throws Error
/// unless low <= high.
Tensor clamp(const Tensor& x, Scalar low, Scalar high);

}  // namespace kindling
