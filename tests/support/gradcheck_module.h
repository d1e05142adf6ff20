#pragma once

#include <cmath>
#include <string>

#include "engine/engine.h"
#include "nn/module.h"
#include "tests/support/gradcheck.h"

namespace kindling::test {

/// Gradcheck by the input and by every parameter of a model.
inline std::string gradcheck_module(const std::string& name, nn::Module& module, const Array& x) {
  const auto by_input = [&](const Tensors& xs) { return module(xs[0]); };
  if (const std::string report = gradcheck(name, by_input, {x}); !report.empty()) return report;
  if (module.parameters().empty()) return "";
  module.zero_grad();
  Random random(31);
  const Array dy = random.uniform(module(Tensor(x)).shape(), -1, 1);
  module(Tensor(x)).backward(dy);
  const auto loss = [&] { return sum(module(Tensor(x)) * Tensor(dy)).item(); };
  for (Tensor& parameter : module.parameters())
    for (Index i = 0; i < parameter.size(); ++i) {
      const Scalar center = parameter.value()[i], step = 1e-5;
      parameter.mutable_value().data()[i] = center + step;
      const Scalar above = loss();
      parameter.mutable_value().data()[i] = center - step;
      const Scalar numeric = (above - loss()) / (2 * step);
      parameter.mutable_value().data()[i] = center;
      const Scalar error = std::abs(numeric - parameter.grad()[i]);
      if (!(error <= kGradcheckAtol + kGradcheckRtol * std::abs(numeric)))
        return str(name, ": parameter ", parameter.shape(), " element ", i, ": analytic ",
                   parameter.grad()[i], ", numeric ", numeric);
    }
  return "";
}

}  // namespace kindling::test
