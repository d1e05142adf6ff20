#include "learner/callbacks/gradients.h"

#include <cmath>

#include "engine/error.h"
#include "engine/ops/update.h"

namespace kindling {

double gradient_norm(const Learner& learn) {
  double total = 0;
  for (const Tensor& parameter : learn.opt->parameters())
    if (const Array& grad = parameter.grad(); grad.defined()) {
      const double one = norm(grad);  // hypot() would take infinity for more than no number
      total = std::isnan(total + one) ? total + one : std::hypot(total, one);
    }
  return total;
}

GradientClipCB::GradientClipCB(double max_norm)
    : Callback(callback_order::kClip), max_norm_(max_norm) {
  check<Error>(max_norm > 0 && std::isfinite(max_norm), "gradient_clip", "max_norm ", max_norm,
               ": a positive number expected");
}

void GradientClipCB::after_backward(Learner& learn) {
  norm_ = gradient_norm(learn);
  // PyTorch's epsilon: the result is a hair shorter than max_norm. A NaN is not <= either.
  if (!(norm_ <= max_norm_)) learn.opt->scale_grad(max_norm_ / (norm_ + 1e-6));
}

GradientAccumulationCB::GradientAccumulationCB(Index batches)
    : Callback(callback_order::kGather), batches_(batches) {
  check<Error>(batches >= 1, "gradient_accumulation", batches, " batches: at least 1 expected");
}

void GradientAccumulationCB::forget() { gathered_ = rows_ = unit_ = 0; }

/// Nor may anything be left of what was restored for a fit that never came to its first epoch.
void GradientAccumulationCB::before_fit(Learner& learn) {
  check<Error>(!dynamic_cast<const MomentumLearner*>(&learn), "gradient_accumulation",
               "a MomentumLearner keeps gradients from step to step: another learner expected");
  forget();
}

/// Of an epoch that was cancelled in between nothing is left for the next.
void GradientAccumulationCB::cleanup_epoch(Learner& learn) {
  if (gathered_ > 0) learn.opt->zero_grad();
  forget();
}

/// The backward pass adds a mean over the rows of this batch to what was gathered, which must be
/// measured in as many rows: the sum of rows_i gradient_i, divided by those of this batch.
void GradientAccumulationCB::after_loss(Learner& learn) {
  if (!learn.training) return;
  const Index rows = learn.batch.size();
  if (gathered_ > 0 && rows != unit_)
    learn.opt->scale_grad(static_cast<double>(unit_) / static_cast<double>(rows));
  unit_ = rows;
}

void GradientAccumulationCB::after_backward(Learner& learn) {
  ++gathered_;
  rows_ += unit_;
  const bool last = learn.iter + 1 == learn.dl->size();
  if (gathered_ < batches_ && !last) throw CancelStep();
  learn.opt->scale_grad(static_cast<double>(unit_) / static_cast<double>(rows_));
  forget();
}

void GradientAccumulationCB::state(Archive& archive) {
  archive.same("batches", batches_);
  archive("gathered", gathered_);
  archive.expect(gathered_ >= 0 && gathered_ < batches_, "gathered",
                 str("0 to ", batches_ - 1, " batches"));
  archive("rows", rows_);
  const bool some = gathered_ > 0 ? rows_ >= gathered_ : rows_ == 0;
  archive.expect(some && rows_ <= Archive::kMaxCount, "rows",
                 str("those of ", gathered_, " batches"));
  archive("unit", unit_);
  const Index least = gathered_ > 0 ? 1 : 0;
  archive.expect(unit_ >= least && unit_ <= Archive::kMaxCount, "unit",
                 str("at least ", least, " rows"));
}

}  // namespace kindling
