// Elementwise ops on 64 MiB: memory is the limit, and what is counted is every array once.

#include <cmath>

#include "bench/memory_bound.h"
#include "engine/ops/activation.h"
#include "engine/ops/elementwise.h"

namespace kindling::bench {

void elementwise_cases(Cases& cases) {
  const Shape shape{kNumbers / 64, 64}, channels{64};
  const auto ours = [&](const char* name, double reads, auto op, auto formula) {
    cases.push_back(memory_bound(name, reads, 1, [=] {
      const Array a = large(shape, 1), b = large(shape, 2);
      const Tensor x(a), y(b);
      return ours_alone([=] { return op(x, y).value(); },
                        [=](Index i) { return formula(double{a[i]}, double{b[i]}); });
    }));
  };
  using T = const Tensor&;
  ours(
      "elementwise/add", 2, [](T a, T b) { return a + b; },
      [](double a, double b) { return a + b; });
  ours(
      "elementwise/mul", 2, [](T a, T b) { return a * b; },
      [](double a, double b) { return a * b; });
  ours(
      "elementwise/relu", 1, [](T a, T) { return relu(a); },
      [](double a, double) { return a > 0 ? a : 0; });
  ours(
      "elementwise/general-relu", 1, [](T a, T) { return general_relu(a, 0.1F, 0.4F); },
      [](double a, double) { return (a > 0 ? a : 0.1 * a) - 0.4; });
  ours(
      "elementwise/exp", 1, [](T a, T) { return exp(a); },
      [](double a, double) { return std::exp(a); });
  ours(
      "elementwise/tanh", 1, [](T a, T) { return tanh(a); },
      [](double a, double) { return std::tanh(a); });
  ours(
      "elementwise/sigmoid", 1, [](T a, T) { return sigmoid(a); },
      [](double a, double) { return 1 / (1 + std::exp(-a)); });
  cases.push_back(memory_bound("elementwise/add-bias", 1, 1, [=] {
    const Array a = large(shape, 1), b = noise(channels, 3);
    const Tensor x(a), bias(b);
    return ours_alone([=] { return (x + bias).value(); },
                      [=](Index i) { return double{a[i]} + double{b[i % 64]}; });
  }));
  // Nobody else holds what flows back: the gradient takes its place.
  const auto relu_backward = [=] {
    const Array a = large(shape, 1), dy = large(shape, 2);
    return gradient_alone(
        a, [](T x) { return relu(x); }, dy, [=](Index i) { return a[i] > 0 ? double{dy[i]} : 0; });
  };
  cases.push_back(memory_bound("elementwise/relu-backward", 2, 1, relu_backward, true));
}

}  // namespace kindling::bench
