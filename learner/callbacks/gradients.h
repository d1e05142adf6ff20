#pragma once

#include <limits>

#include "learner/learner.h"

namespace kindling {

/// Keeps gradients short: when the norm of all of them together is above max_norm, they are scaled
/// down to it (Pascanu et al., 2013; torch's clip_grad_norm_). The gradients that a MomentumLearner
/// keeps are clipped too.
class GradientClipCB : public Callback {
 public:
  /// Throws Error for a max_norm that is not positive and finite.
  explicit GradientClipCB(double max_norm);

  void after_backward(Learner& learn) override;
  /// Before clipping, in the latest step.
  double norm() const { return norm_; }

 private:
  double max_norm_, norm_ = std::numeric_limits<double>::quiet_NaN();
};

/// Takes a step after every `batches` batches only, with the mean of their gradients: as if they
/// had been one large batch (of equal parts). What is left at the end of an epoch makes a step too,
/// with the last batch; when that is cancelled, there is none.
/// Not for a MomentumLearner, whose kept gradients it would divide too.
class GradientAccumulationCB : public Callback {
 public:
  /// Throws Error for less than one batch.
  explicit GradientAccumulationCB(Index batches);

  /// Throws CancelStep where no step is due.
  void after_backward(Learner& learn) override;
  void cleanup_epoch(Learner& learn) override;
  std::string state_name() const override { return "gradient_accumulation"; }
  void state(Archive& archive) override;

 private:
  Index batches_, gathered_ = 0;
};

}  // namespace kindling
