#include "tests/support/gradcheck.h"

#include <algorithm>
#include <cmath>

#include "engine/error.h"
#include "engine/random.h"
#include "engine/tape.h"
#include "tests/support/plain.h"

namespace kindling::test {

namespace {

/// d sum(cotangent * f) / d inputs[i][j]. The two results are subtracted before they are summed, so
/// that what does not change does not drown what does.
double slope(const TensorFn& f, const std::vector<Array>& inputs, std::size_t i, Index j,
             const Array& cotangent, Stencil stencil) {
  const double center = inputs[i][j], scale = std::max(1.0, std::abs(center));
  const auto shifted = [&](double by) {
    std::vector<Array> moved = inputs;
    moved[i].data()[j] = static_cast<Scalar>(center + by);
    return f(leaves(moved, false)).value();
  };
  const auto rise = [&](double step) {
    const Array above = shifted(step), below = shifted(-step);
    double difference = 0;
    for (Index k = 0; k < above.size(); ++k)
      difference += static_cast<double>(cotangent[k]) * (above[k] - below[k]);
    return difference;
  };
  if (stencil == Stencil::two_points) return rise(1e-5 * scale) / (2e-5 * scale);
  const double step = 5e-4 * scale;
  return (8 * rise(step) - rise(2 * step)) / (12 * step);
}

}  // namespace

Tensors leaves(const std::vector<Array>& values, bool requires_grad) {
  Tensors result;
  for (const Array& value : values) result.emplace_back(value, requires_grad);
  return result;
}

std::vector<Array> gradients(const TensorFn& f, const Tensors& inputs, const Array& cotangent) {
  f(inputs).backward(cotangent);
  std::vector<Array> result;
  for (const Tensor& input : inputs) result.push_back(input.grad());
  return result;
}

std::string gradcheck(const std::string& name, const TensorFn& f, const std::vector<Array>& inputs,
                      Stencil stencil) {
  Random random(2718);
  const Array cotangent = random.uniform(f(leaves(inputs, false)).shape(), -1, 1);
  const std::vector<Array> analytic = gradients(f, leaves(inputs), cotangent);
  const std::string who = str("gradcheck of ", name, " on ", names(inputs), ": ");

  double worst = 0;
  std::string report;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (!analytic[i].defined()) return str(who, "input ", i, " got no gradient");
    if (analytic[i].shape() != inputs[i].shape())
      return str(who, "input ", i, " got a gradient of shape ", analytic[i].shape());
    for (Index j = 0; j < inputs[i].size(); ++j) {
      const double numeric = slope(f, inputs, i, j, cotangent, stencil);
      const double error = std::abs(analytic[i][j] - numeric);
      const double allowed = stencil == Stencil::two_points
                                 ? kGradcheckAtol + kGradcheckRtol * std::abs(numeric)
                                 : 1e-9 * (1 + std::abs(numeric));
      if (error <= allowed || error / allowed <= worst) continue;  // not so for a NaN
      worst = error / allowed;
      report = str(who, "input ", i, " element ", j, ": analytic ", analytic[i][j], ", numeric ",
                   numeric, ", error ", error);
    }
  }
  return report;
}

}  // namespace kindling::test
