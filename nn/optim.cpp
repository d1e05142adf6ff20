#include "nn/optim.h"

#include <cmath>
#include <map>

#include "engine/error.h"
#include "engine/ops/update.h"

namespace kindling::nn {

namespace {

void check_setting(const char* name, double value) {
  check<Error>(std::isfinite(value) && value >= 0, "optimizer", name, " ", value,
               ": a finite number of at least 0 expected");
}

void check_beta(const char* name, double value) {
  check<Error>(value >= 0 && value < 1, "optimizer", name, " ", value, ": in [0, 1) expected");
}

}  // namespace

inline namespace KINDLING_PRECISION {

Optimizer::Optimizer(std::vector<Tensor> parameters, double lr)
    : parameters_(std::move(parameters)) {
  set_lr(lr);
  // All parameters are updated at once: one that comes twice would be written by two threads.
  std::map<const Node*, std::size_t> seen;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    if (!parameters_[i].node()) continue;
    const auto [first, fresh] = seen.emplace(parameters_[i].node().get(), i);
    check<Error>(fresh, "optimizer", "parameters ", first->second, " and ", i, " ",
                 parameters_[i].shape(), " are the same tensor");
  }
}

void Optimizer::set_lr(double lr) {
  check_setting("lr", lr);
  lr_ = lr;
}

void Optimizer::step() {
  RecycledVector<Trained> trained;
  for (std::size_t i = 0; i < parameters_.size(); ++i)
    if (const Array& grad = parameters_[i].grad(); grad.defined())
      trained.push_back({i, parameters_[i].mutable_value(), grad});
  update(trained);
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

void SGD::update(std::span<const Trained> trained) {
  RecycledVector<SgdSlot> slots;
  for (const auto& [i, value, grad] : trained) {
    Array& velocity = velocity_[i];
    if (options_.momentum != 0 && !velocity.defined()) velocity = Array(value.shape(), Scalar{0});
    slots.push_back({value, grad, velocity});
  }
  sgd_step(slots, {lr(), options_.momentum, options_.weight_decay});
}

Adam::Adam(std::vector<Tensor> parameters, double lr, AdamOptions options, bool decoupled)
    : Optimizer(std::move(parameters), lr),
      options_(options),
      decoupled_(decoupled),
      states_(Optimizer::parameters().size()) {
  set_beta1(options.beta1);
  check_beta("beta2", options.beta2);
  check_setting("eps", options.eps);
  check_setting("weight_decay", options.weight_decay);
}

void Adam::set_beta1(double beta1) {
  check_beta("beta1", beta1);
  options_.beta1 = beta1;
}

void Adam::update(std::span<const Trained> trained) {
  const auto& [beta1, beta2, eps, decay] = options_;
  RecycledVector<AdamSlot> slots;
  for (const auto& [i, value, grad] : trained) {
    State& state = states_[i];
    if (state.steps++ == 0) state.mean = Array(value.shape(), Scalar{0}), state.square = state.mean;
    slots.push_back({value, grad, state.mean, state.square, 1 - std::pow(beta1, state.steps),
                     1 - std::pow(beta2, state.steps)});
  }
  adam_step(slots,
            {lr(), beta1, beta2, eps, decoupled_ ? 0 : decay, decoupled_ ? 1 - lr() * decay : 1});
}

}  // namespace KINDLING_PRECISION
}  // namespace kindling::nn
