#pragma once

#include <memory>
#include <utility>

#include "engine/kernels/conv2d.h"
#include "engine/kernels/norm.h"
#include "engine/lazy.h"

/// What convolution, normalisation, addition and activations put off (see lazy.h), so that the op
/// behind can do it in its own pass over memory. Only the ops include this.
namespace kindling {

/// A value that an activation behind it can compute in the pass that activates it.
class PendingPreactivation : public Pending {
 public:
  using Pending::Pending;  ///< From the value's shape.
  /// f of it, from the same numbers every time: nothing is used up.
  virtual Array activated(const kernels::Activation& f) const = 0;

 protected:
  Array compute() override { return activated(kernels::Identity{}); }
};

/// A normalisation of x, with all that its gradient needs.
struct NormState {
  /// x (..., C); the mean and 1 / sqrt(variance + eps), (C) each.
  /// @{
  Array x, mean, invstd;
  /// @}
  kernels::Affine affine;  ///< scale = weight invstd, shift = bias - mean scale.
  Scalar rows;  ///< That mean and deviation were taken over; infinitely many: they were constants.
};

/// The output of a batch norm, with something added to it or not: scale x + shift [+ residual].
class PendingNorm : public PendingPreactivation {
 public:
  /// `residual` is of x's shape, or undefined: nothing is added.
  explicit PendingNorm(std::shared_ptr<const NormState> state, Array residual = {})
      : PendingPreactivation(state->x.shape()),
        state_(std::move(state)),
        residual_(std::move(residual)) {}

  Array activated(const kernels::Activation& f) const override {
    return kernels::affine(state_->x, state_->affine, residual_, f);
  }
  bool has_residual() const { return residual_.defined(); }  ///< There is room for one only.
  /// For a norm of the same x with something added.
  const std::shared_ptr<const NormState>& state() const { return state_; }

 private:
  std::shared_ptr<const NormState> state_;
  Array residual_;
};

/// The output of a convolution. One that is activated and looked at afterwards is computed twice.
class PendingConv : public PendingPreactivation {
 public:
  /// `y` is the output's shape; for the others see kernels::conv2d().
  PendingConv(const Shape& y, Array x, Array weight, Array bias, const kernels::Window& window)
      : PendingPreactivation(y),
        x_(std::move(x)),
        weight_(std::move(weight)),
        bias_(std::move(bias)),
        window_(window) {}

  Array activated(const kernels::Activation& f) const override {
    return kernels::conv2d(x_, weight_, bias_, window_, f);
  }

 private:
  Array x_, weight_, bias_;
  kernels::Window window_;
};

/// The gradient with respect to the input of a convolution.
class PendingConvGradient : public Pending {
 public:
  /// `x` is the input's shape; for the others see kernels::conv2d_dx().
  PendingConvGradient(const Shape& x, Array dy, Array weight, const kernels::Window& window)
      : Pending(x), dy_(std::move(dy)), weight_(std::move(weight)), window_(window) {}

  /// Where y, the convolution's input, is itself an f(z): the gradient with respect to z.
  Array through(const kernels::Activation& f, const Array& y) const {
    return kernels::conv2d_dx(dy_, weight_, shape(), window_, y, f);
  }

 protected:
  Array compute() override { return kernels::conv2d_dx(dy_, weight_, shape(), window_); }

 private:
  Array dy_, weight_;
  kernels::Window window_;
};

/// The gradient with respect to the input of an activation y = f(z), f'(y) dy.
class PendingActivationGradient : public Pending {
 public:
  /// What it is computed from; which may use up dy. A batch norm in front reads it in its own
  /// pass. dy is computed, or a PendingConvGradient: never another of these, so that none nest.
  /// @{
  Lazy dy;
  Array y;
  kernels::Activation f;
  /// @}

  /// `dy` is of y's shape.
  PendingActivationGradient(Lazy dy_, Array y_, kernels::Activation f_)
      : Pending(y_.shape()), dy(std::move(dy_)), y(std::move(y_)), f(std::move(f_)) {}

 protected:
  Array compute() override {
    if (const auto* conv = dy.pending<PendingConvGradient>()) return conv->through(f, y);
    return kernels::activate_dx(std::move(dy), y, f);
  }
};

}  // namespace kindling
