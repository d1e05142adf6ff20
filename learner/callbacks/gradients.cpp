#include "learner/callbacks/gradients.h"

#include <cmath>
#include <utility>

#include "engine/error.h"
#include "engine/ops/update.h"

namespace kindling {

GradientClipCB::GradientClipCB(double max_norm)
    : Callback(callback_order::kClip), max_norm_(max_norm) {
  check<Error>(max_norm > 0 && std::isfinite(max_norm), "gradient_clip", "max_norm ", max_norm,
               ": a positive number expected");
}

void GradientClipCB::after_backward(Learner& learn) {
  norm_ = 0;
  for (const Tensor& parameter : learn.opt->parameters())
    if (const Array& grad = parameter.grad(); grad.defined())
      norm_ = std::hypot(norm_, kindling::norm(grad));
  // PyTorch's epsilon: the result is a hair shorter than max_norm.
  if (norm_ > max_norm_) learn.opt->scale_grad(max_norm_ / (norm_ + 1e-6));
}

GradientAccumulationCB::GradientAccumulationCB(Index batches)
    : Callback(callback_order::kGather), batches_(batches) {
  check<Error>(batches >= 1, "gradient_accumulation", batches, " batches: at least 1 expected");
}

/// Of an epoch that was cancelled in between nothing is left for the next.
void GradientAccumulationCB::cleanup_epoch(Learner& learn) {
  if (std::exchange(gathered_, 0) > 0) learn.opt->zero_grad();
}

void GradientAccumulationCB::after_backward(Learner& learn) {
  ++gathered_;
  const bool last = learn.iter + 1 == learn.dl->size();
  if (gathered_ < batches_ && !last) throw CancelStep();
  learn.opt->scale_grad(1 / static_cast<double>(gathered_));
  gathered_ = 0;
}

void GradientAccumulationCB::state(Archive& archive) {
  archive.same("batches", batches_);
  archive("gathered", gathered_);
  archive.expect(gathered_ >= 0 && gathered_ < batches_, "gathered",
                 str("0 to ", batches_ - 1, " batches"));
}

}  // namespace kindling
