#include "nn/optim.h"

#include <cmath>

#include "engine/error.h"
#include "engine/ops/update.h"

namespace kindling::nn {

namespace {

void check_setting(const char* name, double value) {
  check<Error>(std::isfinite(value) && value >= 0, "optimizer", name, " ", value,
               ": a finite number of at least 0 expected");
}

}  // namespace

inline namespace KINDLING_PRECISION {

Optimizer::Optimizer(std::vector<Tensor> parameters, double lr)
    : parameters_(std::move(parameters)) {
  set_lr(lr);
}

void Optimizer::set_lr(double lr) {
  check_setting("lr", lr);
  lr_ = lr;
}

void Optimizer::step() {
  for (std::size_t i = 0; i < parameters_.size(); ++i)
    if (const Array grad = parameters_[i].grad(); grad.defined())
      update(i, parameters_[i].mutable_value(), grad);
}

void Optimizer::zero_grad() {
  for (Tensor& parameter : parameters_) parameter.zero_grad();
}

SGD::SGD(std::vector<Tensor> parameters, double lr, SGDOptions options)
    : Optimizer(std::move(parameters), lr),
      options_(options),
      velocity_(Optimizer::parameters().size()) {
  check_setting("momentum", options.momentum);
  check_setting("weight_decay", options.weight_decay);
}

void SGD::update(std::size_t i, Array& value, const Array& grad) {
  Array g = grad;
  if (options_.weight_decay != 0) add_scaled(g, static_cast<Scalar>(options_.weight_decay), value);
  if (options_.momentum != 0) {
    Array& v = velocity_[i];
    if (v.defined()) {
      scale(v, static_cast<Scalar>(options_.momentum));
      add_scaled(v, 1, g);
    } else {
      v = g;
    }
    g = v;
  }
  add_scaled(value, static_cast<Scalar>(-lr()), g);
}

}  // namespace KINDLING_PRECISION
}  // namespace kindling::nn
