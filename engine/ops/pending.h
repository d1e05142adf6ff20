#pragma once

#include <memory>
#include <utility>

#include "engine/kernels/norm.h"
#include "engine/lazy.h"

/// What normalisation, addition and activations put off (see lazy.h), so that the op behind can do
/// it in its own pass over memory. Only the ops include this.
namespace kindling {

/// A normalisation of x, with all that its gradient needs.
struct NormState {
  Array x, mean, invstd;
  kernels::Affine affine;
  Scalar rows;  ///< That mean and deviation were taken over; infinitely many: they were constants.
};

/// The output of a batch norm, with something added to it or not: scale x + shift [+ residual].
class PendingNorm : public Pending {
 public:
  explicit PendingNorm(std::shared_ptr<const NormState> state, Array residual = {})
      : Pending(state->x.shape()), state_(std::move(state)), residual_(std::move(residual)) {}

  /// f of it, in one pass.
  Array activated(const kernels::Activation& f) const {
    return kernels::affine(state_->x, state_->affine, residual_, f);
  }
  bool has_residual() const { return residual_.defined(); }
  const std::shared_ptr<const NormState>& state() const { return state_; }

 protected:
  Array compute() override { return activated(kernels::Identity{}); }

 private:
  std::shared_ptr<const NormState> state_;
  Array residual_;
};

/// The gradient in front of an activation, f'(y) dy.
class PendingActivationGradient : public Pending {
 public:
  Array dy, y;
  kernels::Activation f;

  PendingActivationGradient(Array dy_, Array y_, kernels::Activation f_)
      : Pending(y_.shape()), dy(std::move(dy_)), y(std::move(y_)), f(std::move(f_)) {}

 protected:
  Array compute() override { return kernels::activate_dx(std::move(dy), y, f); }
};

}  // namespace kindling
