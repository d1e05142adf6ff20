#include "nn/optim.h"

#include <cmath>
#include <map>

#include "engine/error.h"
#include "engine/ops/update.h"

namespace kindling::nn {

namespace {

bool is_setting(double value) { return std::isfinite(value) && value >= 0; }
bool is_beta(double value) { return value >= 0 && value < 1; }

void check_setting(const char* name, double value) {
  check<Error>(is_setting(value), "optimizer", name, " ", value,
               ": a finite number of at least 0 expected");
}

/// What a schedule may have moved.
void momentum_state(Archive& archive, double& momentum) {
  archive.checked("momentum", momentum, is_setting, "a finite number of at least 0");
}

void check_beta(const char* name, double value) {
  check<Error>(is_beta(value), "optimizer", name, " ", value, ": in [0, 1) expected");
}

}  // namespace

inline namespace KINDLING_PRECISION {

Optimizer::Optimizer(Parameters parameters, double lr) {
  set_lr(lr);
  for (ParameterGroup& group : parameters.groups) {
    check_setting("lr_scale", group.lr_scale);
    for (Tensor& parameter : group.parameters) parameters_.push_back(std::move(parameter));
    groups_.push_back({parameters_.size(), group.lr_scale, group.weight_decay});
  }
  // All parameters are updated at once: one that comes twice would be written by two threads. The
  // place of its value tells a tensor from others, also while it is frozen and has no node.
  std::map<const Lazy*, std::size_t> seen;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const auto [first, fresh] = seen.emplace(&parameters_[i].lazy_value(), i);
    check<Error>(fresh, "optimizer", "parameters ", first->second, " and ", i, " ",
                 parameters_[i].shape(), " are the same tensor");
  }
}

void Optimizer::set_lr(double lr) {
  check_setting("lr", lr);
  lr_ = lr;
}

void Optimizer::step() {
  std::size_t i = 0;
  for (const Group& group : groups_) {
    RecycledVector<Trained> trained;
    for (; i < group.end; ++i)
      if (const Array& grad = parameters_[i].grad(); grad.defined())
        trained.push_back({i, parameters_[i].mutable_value(), grad});
    update(trained, {lr_ * group.lr_scale, group.weight_decay});
  }
}

void Optimizer::zero_grad() {
  for (Tensor& parameter : parameters_) parameter.zero_grad();
}

void Optimizer::scale_grad(double factor) {
  for (Tensor& parameter : parameters_)
    if (Array grad = parameter.grad(); grad.defined()) {
      parameter.zero_grad();  // so that nobody shares the buffer and it is scaled in place
      scale(grad, static_cast<Scalar>(factor));
      parameter.set_grad(std::move(grad));
    }
}

void Optimizer::state(Archive& archive) {
  archive.same("type", type());
  archive.checked("lr", lr_, is_setting, "a finite number of at least 0");
  archive.same("parameters", static_cast<Index>(parameters_.size()));
  archive.same("groups", static_cast<Index>(groups_.size()));
  for (std::size_t i = 0; groups_.size() > 1 && i < groups_.size(); ++i)
    archive.in(str("group.", i), [&] {
      archive.same("end", static_cast<Index>(groups_[i].end));
      archive.same("lr_scale", groups_[i].lr_scale);
      archive.same("weight_decay", groups_[i].weight_decay);
    });
  own_state(archive);
}

void Optimizer::slot(Archive& archive, const char* name, std::size_t i, Array& value) const {
  const Shape& shape = parameters_[i].shape();
  const auto fits = [&](const Array& array) { return !array.defined() || array.shape() == shape; };
  archive.checked(str(name, ".", i), value, fits, str("an array ", shape));
}

SGD::SGD(Parameters parameters, double lr, SGDOptions options)
    : Optimizer(std::move(parameters), lr),
      options_(options),
      velocity_(Optimizer::parameters().size()) {
  set_momentum(options.momentum);
  check_setting("weight_decay", options.weight_decay);
}

void SGD::set_momentum(double momentum) {
  check_setting("momentum", momentum);
  check<Error>(!options_.nesterov || momentum > 0, "optimizer",
               "nesterov without momentum: a momentum above 0 expected");
  options_.momentum = momentum;
}

void SGD::update(std::span<const Trained> trained, const Step& step) {
  RecycledVector<SgdSlot> slots;
  for (const auto& [i, value, grad] : trained) {
    Array& velocity = velocity_[i];
    if (options_.momentum != 0 && !velocity.defined()) velocity = Array(value.shape(), Scalar{0});
    slots.push_back({value, grad, velocity});
  }
  const double decay = step.weight_decay ? options_.weight_decay : 0;
  sgd_step(slots, {step.lr, options_.momentum, decay, options_.nesterov});
}

void SGD::own_state(Archive& archive) {
  momentum_state(archive, options_.momentum);
  archive.same("weight_decay", options_.weight_decay);
  archive.same("nesterov", options_.nesterov);
  for (std::size_t i = 0; i < velocity_.size(); ++i) slot(archive, "velocity", i, velocity_[i]);
}

RMSprop::RMSprop(Parameters parameters, double lr, RMSpropOptions options)
    : Optimizer(std::move(parameters), lr),
      options_(options),
      square_(Optimizer::parameters().size()),
      velocity_(Optimizer::parameters().size()) {
  check_beta("alpha", options.alpha);
  check_setting("eps", options.eps);
  set_momentum(options.momentum);
  check_setting("weight_decay", options.weight_decay);
}

void RMSprop::set_momentum(double momentum) {
  check_setting("momentum", momentum);
  options_.momentum = momentum;
}

void RMSprop::update(std::span<const Trained> trained, const Step& step) {
  const auto& [alpha, eps, momentum, decay] = options_;
  RecycledVector<RmsSlot> slots;
  for (const auto& [i, value, grad] : trained) {
    if (!square_[i].defined()) square_[i] = Array(value.shape(), Scalar{0});
    if (momentum != 0 && !velocity_[i].defined()) velocity_[i] = Array(value.shape(), Scalar{0});
    slots.push_back({value, grad, square_[i], velocity_[i]});
  }
  rms_step(slots, {step.lr, alpha, eps, momentum, step.weight_decay ? decay : 0});
}

void RMSprop::own_state(Archive& archive) {
  archive.same("alpha", options_.alpha);
  archive.same("eps", options_.eps);
  momentum_state(archive, options_.momentum);
  archive.same("weight_decay", options_.weight_decay);
  for (std::size_t i = 0; i < square_.size(); ++i) {
    slot(archive, "square", i, square_[i]);
    slot(archive, "velocity", i, velocity_[i]);
  }
}

Adam::Adam(Parameters parameters, double lr, AdamOptions options, bool decoupled)
    : Optimizer(std::move(parameters), lr),
      options_(options),
      decoupled_(decoupled),
      states_(Optimizer::parameters().size()) {
  set_momentum(options.beta1);
  check_beta("beta2", options.beta2);
  check_setting("eps", options.eps);
  check_setting("weight_decay", options.weight_decay);
}

void Adam::set_momentum(double beta1) {
  check_beta("beta1", beta1);
  options_.beta1 = beta1;
}

void Adam::own_state(Archive& archive) {
  archive.checked("beta1", options_.beta1, is_beta, "a number in [0, 1)");
  archive.same("beta2", options_.beta2);
  archive.same("eps", options_.eps);
  archive.same("weight_decay", options_.weight_decay);
  for (std::size_t i = 0; i < states_.size(); ++i) {
    State state = states_[i].steps > 0 ? states_[i] : State{};
    const std::string steps = str("steps.", i);
    archive(steps, state.steps);
    slot(archive, "mean", i, state.mean);
    slot(archive, "square", i, state.square);
    const bool begun = state.steps > 0;
    archive.expect(state.steps >= 0 && state.steps <= Archive::kMaxCount &&
                       state.mean.defined() == begun && state.square.defined() == begun,
                   steps, "a number of steps that mean and square agree with");
    states_[i] = std::move(state);
  }
}

void Adam::update(std::span<const Trained> trained, const Step& step) {
  const auto& [beta1, beta2, eps, weight_decay] = options_;
  const double decay = step.weight_decay ? weight_decay : 0;
  RecycledVector<AdamSlot> slots;
  for (const auto& [i, value, grad] : trained) {
    State& state = states_[i];
    if (state.steps == 0) {
      Array mean(value.shape(), Scalar{0}), square(value.shape(), Scalar{0});
      state.mean = std::move(mean);
      state.square = std::move(square);
    }
    const Index steps = state.steps + 1;
    slots.push_back({value, grad, state.mean, state.square, 1 - std::pow(beta1, steps),
                     1 - std::pow(beta2, steps)});
  }
  adam_step(slots, {step.lr, beta1, beta2, eps, decoupled_ ? 0 : decay,
                    decoupled_ ? 1 - step.lr * decay : 1});
  // Only now: where memory was refused on the way, no step was taken.
  for (const Trained& each : trained) ++states_[each.number].steps;
}

}  // namespace KINDLING_PRECISION
}  // namespace kindling::nn
