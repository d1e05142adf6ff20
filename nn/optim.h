#pragma once

#include <vector>

#include "engine/tensor.h"

namespace kindling::nn {

inline namespace KINDLING_PRECISION {

/// Changes parameters by their gradients. Holds handles on the parameters, not the model.
class Optimizer {
 public:
  /// Throws Error for a rate that is negative or not a number.
  Optimizer(std::vector<Tensor> parameters, double lr);
  virtual ~Optimizer() = default;
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;

  /// One update of every parameter that has a gradient.
  void step();
  void zero_grad();

  double lr() const { return lr_; }
  void set_lr(double lr);
  const std::vector<Tensor>& parameters() const { return parameters_; }

 protected:
  /// Updates parameter number i in place from its gradient.
  virtual void update(std::size_t i, Array& value, const Array& grad) = 0;

 private:
  std::vector<Tensor> parameters_;
  double lr_;
};

struct SGDOptions {
  double momentum = 0;
  double weight_decay = 0;
};

/// Stochastic gradient descent as PyTorch defines it:
///   g = grad + weight_decay * p;   v = momentum * v + g  (v = g at first);   p = p - lr * v
class SGD : public Optimizer {
 public:
  SGD(std::vector<Tensor> parameters, double lr, SGDOptions options = {});

 protected:
  void update(std::size_t i, Array& value, const Array& grad) override;

 private:
  SGDOptions options_;
  std::vector<Array> velocity_;
};

}  // namespace KINDLING_PRECISION
}  // namespace kindling::nn
