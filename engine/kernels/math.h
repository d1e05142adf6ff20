#pragma once

#include <Eigen/Core>
#include <cmath>
#include <type_traits>

#include "engine/scalar.h"

/// The few functions formulas are written in, for anything with arithmetic: a Scalar, or an Eigen
/// array expression, which computes a whole vector register at a time.
namespace kindling::math {

using Run = Eigen::Map<Eigen::Array<Scalar, Eigen::Dynamic, 1>>;  ///< A stretch of memory,
using ConstRun = Eigen::Map<const Eigen::Array<Scalar, Eigen::Dynamic, 1>>;  ///< seen as a vector.

template <class X>
inline constexpr bool is_scalar = std::is_arithmetic_v<std::decay_t<X>>;

// Eigen's own where that is vectorised and right at 0, infinity and NaN, else number by number.
// clang-format off
auto exp(const auto& x) { if constexpr (is_scalar<decltype(x)>) return std::exp(x); else return x.exp(); }
auto log(const auto& x) { if constexpr (is_scalar<decltype(x)>) return std::log(x); else return x.log(); }
// Eigen's own vector square root is approximate, and not a number at infinity.
auto sqrt(const auto& x) { if constexpr (is_scalar<decltype(x)>) return std::sqrt(x); else return x.unaryExpr([](Scalar v) { return std::sqrt(v); }); }
auto tanh(const auto& x) { if constexpr (is_scalar<decltype(x)>) return std::tanh(x); else return x.tanh(); }
auto erf(const auto& x) { if constexpr (is_scalar<decltype(x)>) return std::erf(x); else return x.unaryExpr([](Scalar v) { return std::erf(v); }); }
auto pow(const auto& x, Scalar p) { if constexpr (is_scalar<decltype(x)>) return std::pow(x, p); else return x.pow(p); }
// clang-format on

/// The larger or smaller of two; a NaN on either side stays a NaN (std::max would hide it).
template <class A, class B>
auto max(const A& a, const B& b) {
  using Op = Eigen::internal::scalar_max_op<Scalar, Scalar, Eigen::PropagateNaN>;
  if constexpr (is_scalar<A>)
    return a > b || a != a ? a : b;
  else if constexpr (is_scalar<B>)
    return a.binaryExpr(A::PlainObject::Constant(a.size(), b), Op());
  else
    return a.binaryExpr(b, Op());
}
template <class A, class B>
auto min(const A& a, const B& b) {
  using Op = Eigen::internal::scalar_min_op<Scalar, Scalar, Eigen::PropagateNaN>;
  if constexpr (is_scalar<A>)
    return a < b || a != a ? a : b;
  else if constexpr (is_scalar<B>)
    return a.binaryExpr(A::PlainObject::Constant(a.size(), b), Op());
  else
    return a.binaryExpr(b, Op());
}

/// Element by element: a where the condition holds, b elsewhere. One of them may be a constant.
template <class C, class A, class B>
auto where(const C& condition, const A& a, const B& b) {
  if constexpr (is_scalar<C>)
    return condition ? a : b;
  else
    return condition.select(a, b);
}

}  // namespace kindling::math
