#pragma once

#include <limits>

#include "learner/learner.h"

namespace kindling {

/// The norm of all gradients together, of the parameters that have one; 0 when none has.
double gradient_norm(const Learner& learn);

/// Keeps gradients short: when the norm of all of them together is above max_norm, they are scaled
/// down to it (Pascanu et al., 2013; torch's clip_grad_norm_). The gradients that a MomentumLearner
/// keeps are clipped too. A norm that is not finite does what it does in PyTorch: where it is no
/// number all gradients become NaN, where it is infinite the finite ones become 0 and the infinite
/// ones NaN. (TerminateOnNaN ends the fit at the next loss.)
class GradientClipCB : public Callback {
 public:
  /// Throws Error for a max_norm that is not positive and finite.
  explicit GradientClipCB(double max_norm);

  void after_backward(Learner& learn) override;
  /// gradient_norm() before clipping, in the latest step.
  double norm() const { return norm_; }

 private:
  double max_norm_, norm_ = std::numeric_limits<double>::quiet_NaN();
};

/// Takes a step after every `batches` batches only, with the mean of their gradients, each weighted
/// by its rows: the gradient of one large batch, for a loss that is a mean over rows. What is left
/// at the end of an epoch makes a step too, with the last batch; when that is cancelled, there is
/// none. (Another callback that cancels a step which this one lets happen leaves these gradients to
/// the next batches, as one of them.)
class GradientAccumulationCB : public Callback {
 public:
  /// Throws Error for less than one batch.
  explicit GradientAccumulationCB(Index batches);

  /// Throws Error for a MomentumLearner, whose kept gradients it would take for gathered ones.
  void before_fit(Learner& learn) override;
  void after_loss(Learner& learn) override;
  /// Throws CancelStep where no step is due.
  void after_backward(Learner& learn) override;
  void cleanup_epoch(Learner& learn) override;
  std::string state_name() const override { return "gradient_accumulation"; }
  void state(Archive& archive) override;

 private:
  void forget();

  Index batches_, gathered_ = 0;
  Index rows_ = 0;  ///< Of the batches that were gathered.
  Index unit_ = 0;  ///< The gradients stand for their mean times rows_ / unit_.
};

}  // namespace kindling
