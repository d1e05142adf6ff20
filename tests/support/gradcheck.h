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

/// Compares the gradient of sum(cotangent * f(inputs)), for a random cotangent, with central
/// differences: every element of every input. Means something in double only. Empty when all is
/// well; otherwise one line with the name, the shapes and the worst element.
std::string gradcheck(const std::string& name, const TensorFn& f, const std::vector<Array>& inputs);

}  // namespace kindling::test
