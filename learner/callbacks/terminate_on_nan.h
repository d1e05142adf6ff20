#pragma once

#include <cmath>

#include "engine/error.h"
#include "learner/learner.h"

namespace kindling {

/// Ends the fit with an Error that says where, as soon as a loss is not finite: in training
/// before it reaches the gradients and spoils the weights.
class TerminateOnNaN : public Callback {
 public:
  TerminateOnNaN() : Callback(callback_order::kGuard) {}
  void after_loss(Learner& learn) override {
    const Scalar loss = learn.loss.item();
    check<Error>(std::isfinite(loss), "fit",
                 learn.training ? "the loss is " : "the validation loss is ",
                 std::isnan(loss) ? "not a number" : "infinite", " in epoch ", learn.epoch,
                 ", batch ", learn.iter, ", at lr ", learn.opt->lr(), ": try a smaller lr");
  }
};

}  // namespace kindling
