#pragma once

#include <initializer_list>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "engine/archive.h"
#include "engine/tensor.h"

namespace kindling::nn {

inline namespace KINDLING_PRECISION {

/// Parameters that are trained alike.
struct ParameterGroup {
  std::vector<Tensor> parameters;  ///< Leaves; one that has no gradient is not changed.
  double lr_scale = 1;             ///< Of the optimizer's rate, which schedules move.
  bool weight_decay = true;        ///< Whether the optimizer's weight decay is for them.
};

/// What an optimizer trains: parameters, or groups of them (see param_groups.h).
struct Parameters {
  std::vector<ParameterGroup> groups;  ///< A single one when made of parameters.

  Parameters() = default;
  /// From groups, or from parameters that are all trained alike.
  /// @{
  Parameters(std::vector<ParameterGroup> all) : groups(std::move(all)) {}            // NOLINT
  Parameters(std::vector<Tensor> parameters) : groups({{std::move(parameters)}}) {}  // NOLINT
  Parameters(std::initializer_list<Tensor> list)
      : Parameters(std::vector<Tensor>(list)) {}  // NOLINT
  /// @}
};

/// Changes parameters by their gradients. Holds handles on the parameters, not the model.
class Optimizer {
 public:
  /// Throws Error for a rate, or a scale of it, that is negative or not finite, and for a parameter
  /// that is undefined or comes twice.
  Optimizer(Parameters parameters, double lr);
  virtual ~Optimizer() = default;
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;

  /// One update of every parameter that has a gradient.
  void step();
  /// Leaves every parameter without a gradient; the next backward pass makes a new one.
  void zero_grad();
  /// Multiplies every gradient.
  void scale_grad(double factor);

  /// Of the next step, before a group's lr_scale.
  double lr() const { return lr_; }
  /// Throws Error for a rate that is negative or not finite.
  void set_lr(double lr);
  /// SGD's and RMSprop's momentum, or Adam's beta1: what a one-cycle schedule moves against the
  /// rate. Throws Error for a number that the constructor does not take.
  virtual void set_momentum(double momentum) = 0;
  /// Those of all groups, one behind the other.
  const std::vector<Tensor>& parameters() const { return parameters_; }

  /// What makes the next step what it is, besides the parameters: the rate, and what the steps
  /// before it have left. Settings that no schedule changes must be the same on both sides.
  void state(Archive& archive);

 protected:
  /// The name of its class. State that another kind has left cannot be loaded.
  virtual std::string type() const = 0;
  /// The part of state() that a kind of optimizer adds.
  virtual void own_state(Archive& archive) = 0;
  /// An array of the shape of parameter i, or none.
  void slot(Archive& archive, const char* name, std::size_t i, Array& value) const;
  /// A parameter that has a gradient.
  struct Trained {
    std::size_t number;  ///< Its place in parameters().
    Array& value;        ///< To be changed.
    const Array& grad;   ///< Of the same shape.
  };
  /// How those of one group are trained.
  struct Step {
    double lr;          ///< The group's: lr() times its lr_scale.
    bool weight_decay;  ///< Whether there is any.
  };
  /// Updates them all, in place.
  virtual void update(std::span<const Trained> trained, const Step& step) = 0;

 private:
  struct Group {
    std::size_t end;  ///< Behind its last parameter.
    double lr_scale;
    bool weight_decay;
  };
  std::vector<Tensor> parameters_;
  std::vector<Group> groups_;
  double lr_;
};

/// Settings of SGD: PyTorch's names and values.
struct SGDOptions {
  double momentum = 0;      ///< The share of the velocity that a step keeps.
  double weight_decay = 0;  ///< Times the parameter, added to its gradient.
  bool nesterov = false;    ///< Needs a momentum above 0.
};

/// Stochastic gradient descent as PyTorch defines it:
///   g = grad + weight_decay * p;   v = momentum * v + g  (v = g at first);   p = p - lr * v
/// With Nesterov's momentum the step is lr * (g + momentum * v): the gradient is taken as if it
/// stood where v leads (Sutskever et al., 2013).
class SGD : public Optimizer {
 public:
  /// Throws Error for a setting that is negative or not a number, or nesterov without momentum.
  SGD(Parameters parameters, double lr, SGDOptions options = {});
  void set_momentum(double momentum) override;

 protected:
  std::string type() const override { return "SGD"; }
  void own_state(Archive& archive) override;
  void update(std::span<const Trained> trained, const Step& step) override;

 private:
  SGDOptions options_;
  std::vector<Array> velocity_;
};

/// Settings of Adam and AdamW, with PyTorch's values.
struct AdamOptions {
  double beta1 = 0.9;       ///< How much of the past the mean of the gradient keeps; in [0, 1).
  double beta2 = 0.999;     ///< How much the mean of its square keeps; likewise.
  double eps = 1e-8;        ///< Added to the root that the step is divided by.
  double weight_decay = 0;  ///< Times the parameter; Adam and AdamW differ in where it goes.
};

/// Adam (Kingma and Ba, 2015) as PyTorch defines it, t being the number of the step:
///
///     g = grad + weight_decay * p
///     m = beta1 * m + (1 - beta1) * g
///     s = beta2 * s + (1 - beta2) * g^2
///     p = p - lr * (m / (1 - beta1^t)) / (sqrt(s / (1 - beta2^t)) + eps)
class Adam : public Optimizer {
 public:
  /// Throws Error for a setting that is negative or not a number, or a beta of 1 or more.
  Adam(Parameters parameters, double lr = 1e-3, AdamOptions options = {})
      : Adam(std::move(parameters), lr, options, false) {}

  void set_momentum(double beta1) override;
  /// As set_momentum() left it.
  double beta1() const { return options_.beta1; }

 protected:
  /// `decoupled`: weight decay as in AdamW.
  Adam(Parameters parameters, double lr, AdamOptions options, bool decoupled);
  std::string type() const override { return decoupled_ ? "AdamW" : "Adam"; }
  void own_state(Archive& archive) override;
  void update(std::span<const Trained> trained, const Step& step) override;

 private:
  struct State {
    Array mean, square;  ///< Of the gradient; undefined before the first step.
    Index steps = 0;
  };
  AdamOptions options_;
  bool decoupled_;
  std::vector<State> states_;
};

/// Settings of RMSprop: PyTorch's names and values.
struct RMSpropOptions {
  double alpha = 0.99;      ///< How much of the past the mean of squares keeps; in [0, 1).
  double eps = 1e-8;        ///< Added to the root that the gradient is divided by.
  double momentum = 0;      ///< The share of the velocity that a step keeps.
  double weight_decay = 0;  ///< Times the parameter, added to its gradient.
};

/// RMSprop (Hinton's lecture 6e, 2012) as PyTorch defines it:
///
///     g = grad + weight_decay * p
///     s = alpha * s + (1 - alpha) * g^2
///     v = momentum * v + g / (sqrt(s) + eps)
///     p = p - lr * v
class RMSprop : public Optimizer {
 public:
  /// Throws Error for a setting that is negative or not a number, or an alpha of 1 or more.
  RMSprop(Parameters parameters, double lr = 1e-2, RMSpropOptions options = {});
  void set_momentum(double momentum) override;

 protected:
  std::string type() const override { return "RMSprop"; }
  void own_state(Archive& archive) override;
  void update(std::span<const Trained> trained, const Step& step) override;

 private:
  RMSpropOptions options_;
  std::vector<Array> square_, velocity_;
};

/// Adam with decoupled weight decay (Loshchilov and Hutter, 2019): the gradient goes in as it is,
/// and p = p * (1 - lr * weight_decay) before the rest.
class AdamW : public Adam {
 public:
  /// Throws as Adam's does. Options that are given and set no weight decay have none, not 0.01.
  AdamW(Parameters parameters, double lr = 1e-3, AdamOptions options = {.weight_decay = 1e-2})
      : Adam(std::move(parameters), lr, options, true) {}
};

}  // namespace KINDLING_PRECISION
}  // namespace kindling::nn
