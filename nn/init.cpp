#include "nn/init.h"

#include <cmath>

#include "engine/error.h"

namespace kindling::nn {

Fan fan(const Shape& weight) {
  check(weight.rank() >= 2, "fan", weight, ": at least two axes expected");
  return {weight[-1] == 0 ? 0 : weight.size() / weight[-1],
          weight[-2] == 0 ? 0 : weight.size() / weight[-2]};
}

Scalar leaky_relu_gain(Scalar leak) { return std::sqrt(2 / (1 + leak * leak)); }

Array kaiming_normal(const Shape& weight, Scalar leak, Random& random) {
  const Scalar std = leaky_relu_gain(leak) / std::sqrt(static_cast<Scalar>(fan(weight).in));
  return random.normal(weight, 0, std);
}

Array kaiming_uniform(const Shape& weight, Scalar leak, Random& random) {
  const Scalar bound = leaky_relu_gain(leak) * std::sqrt(3 / static_cast<Scalar>(fan(weight).in));
  return random.uniform(weight, -bound, bound);
}

Array xavier_normal(const Shape& weight, Scalar gain, Random& random) {
  const auto [in, out] = fan(weight);
  return random.normal(weight, 0, gain * std::sqrt(2 / static_cast<Scalar>(in + out)));
}

Array xavier_uniform(const Shape& weight, Scalar gain, Random& random) {
  const auto [in, out] = fan(weight);
  const Scalar bound = gain * std::sqrt(6 / static_cast<Scalar>(in + out));
  return random.uniform(weight, -bound, bound);
}

Array default_weight(const Shape& weight, Random& random) {
  return kaiming_uniform(weight, std::sqrt(Scalar{5}), random);
}

Array default_bias(const Shape& weight, Random& random) {
  const Scalar bound = 1 / std::sqrt(static_cast<Scalar>(fan(weight).in));
  return random.uniform(Shape{weight[-1]}, -bound, bound);
}

}  // namespace kindling::nn
