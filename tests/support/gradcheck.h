#pragma once

#include <functional>
#include <string>
#include <vector>

#include "engine/tensor.h"

namespace kindling::test {

using Tensors = std::vector<Tensor>;
using TensorFn = std::function<Tensor(const Tensors&)>;

/// One leaf per array.
Tensors leaves(const std::vector<Array>& values, bool requires_grad = true);

/// Runs f forward and backward from a cotangent. The gradients of all inputs, in order; undefined
/// where none was asked for.
std::vector<Array> gradients(const TensorFn& f, const Tensors& inputs, const Array& cotangent);

/// The worst disagreement that is let pass: |analytic - numeric| <= atol + rtol * |numeric|.
inline constexpr double kGradcheckAtol = 1e-6, kGradcheckRtol = 1e-6;

/// How slopes are measured, h being a small step:
enum class Stencil {
  two_points,  ///< (f(h) - f(-h)) / 2h, right to h^2: 1e-6 is asked for;
  five_points  ///< (8 f(h) - 8 f(-h) - f(2h) + f(-2h)) / 12h, right to h^4 where f is smooth: 1e-9.
};

/// Compares the gradient of sum(cotangent * f(inputs)), for a random cotangent, with measured
/// slopes: every element of every input. Means something in double only. Empty when all is
/// well; otherwise one line with the name, the shapes and the worst element.
std::string gradcheck(const std::string& name, const TensorFn& f, const std::vector<Array>& inputs,
                      Stencil stencil = Stencil::two_points);

}  // namespace kindling::test
