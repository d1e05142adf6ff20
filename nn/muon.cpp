#include "nn/muon.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "engine/error.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/layout.h"
#include "engine/ops/matmul.h"
#include "engine/ops/update.h"
#include "engine/tape.h"

namespace kindling::nn {

Array orthogonalize(const Array& array, int iterations) {
  // The polynomial a s + b s^3 + c s^5 of every singular value s, again and again.
  constexpr Scalar a = 3.4445, b = -4.7750, c = 2.0315;
  check(array.rank() == 2, "orthogonalize", "x ", array.shape(), ": a matrix expected");
  check<Error>(iterations >= 1, "orthogonalize", iterations, " iterations: at least one expected");
  const double length = norm(array);
  if (length == 0) return array;
  Array unit = array;
  for (Scalar *v = unit.data(), *end = v + unit.size(); v != end; ++v)
    *v = static_cast<Scalar>(double{*v} / length);
  const NoGrad no_grad;
  Tensor x(std::move(unit));
  const bool tall = array.dim(0) > array.dim(1);
  for (int i = 0; i < iterations; ++i) {
    // On the side where the square is small.
    const Tensor square = matmul(x, x, tall ? Trans::left : Trans::right);
    const Tensor factor = b * square + c * matmul(square, square);
    x = a * x + (tall ? matmul(x, factor) : matmul(factor, x));
  }
  return x.value();
}

inline namespace KINDLING_PRECISION {

Muon::Muon(Parameters parameters, double lr, MuonOptions options)
    : AdamW(std::move(parameters), lr,
            {.beta1 = options.beta1,
             .beta2 = options.beta2,
             .eps = options.eps,
             .weight_decay = options.weight_decay}),
      options_(options),
      velocity_(Optimizer::parameters().size()) {
  set_momentum(options.momentum);
  check<Error>(std::isfinite(options.vector_lr) && options.vector_lr >= 0, "optimizer",
               "vector_lr ", options.vector_lr, ": a finite number of at least 0 expected");
  check<Error>(options.iterations >= 1, "optimizer", options.iterations,
               " iterations: at least one expected");
}

void Muon::set_momentum(double momentum) {
  check<Error>(momentum >= 0 && momentum < 1, "optimizer", "momentum ", momentum,
               ": in [0, 1) expected");
  options_.momentum = momentum;
}

void Muon::update(std::span<const Trained> trained, const Step& step) {
  const auto momentum = static_cast<Scalar>(options_.momentum);
  const double shrink = step.weight_decay ? 1 - step.lr * options_.weight_decay : 1;
  RecycledVector<Trained> vectors;
  for (const Trained& each : trained) {
    const auto& [i, value, grad] = each;
    if (value.rank() < 2) {
      vectors.push_back(each);
      continue;
    }
    Array& velocity = velocity_[i];
    if (velocity.defined()) {
      scale(velocity, momentum);
      add_scaled(velocity, 1, grad);
    } else {
      velocity = grad;
    }
    Array direction = options_.nesterov ? grad : velocity;
    if (options_.nesterov) add_scaled(direction, momentum, velocity);
    const Index out = value.dim(value.rank() - 1), in = value.size() / std::max<Index>(out, 1);
    direction = orthogonalize(direction.reshape({in, out}), options_.iterations);
    const double longer =
        std::sqrt(std::max(1.0, static_cast<double>(out) / static_cast<double>(in)));
    if (shrink != 1) scale(value, static_cast<Scalar>(shrink));
    add_scaled(value, static_cast<Scalar>(-step.lr * longer), direction.reshape(value.shape()));
  }
  Adam::update(vectors, {step.lr * options_.vector_lr, step.weight_decay});
}

void Muon::own_state(Archive& archive) {
  Adam::own_state(archive);
  archive("momentum", options_.momentum);
  archive.expect(options_.momentum >= 0 && options_.momentum < 1, "momentum", "a number in [0, 1)");
  archive.same("nesterov", options_.nesterov);
  archive.same("iterations", static_cast<Index>(options_.iterations));
  archive.same("vector_lr", options_.vector_lr);
  for (std::size_t i = 0; i < velocity_.size(); ++i) slot(archive, "velocity", i, velocity_[i]);
}

}  // namespace KINDLING_PRECISION
}  // namespace kindling::nn
