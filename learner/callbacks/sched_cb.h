#pragma once

#include <utility>

#include "engine/error.h"
#include "learner/learner.h"
#include "learner/schedules.h"

namespace kindling {

/// Sets the learning rate before every training batch, and the momentum (SGD's and RMSprop's, or
/// Adam's beta1) if there is a schedule for it. The steps are the batches of the whole fit. The
/// rate that the fit was given has no effect beside it.
class BatchSchedCB : public Callback {
 public:
  /// Throws Error for a rate without a schedule.
  explicit BatchSchedCB(Schedule lr, Schedule momentum = nullptr)
      : lr_(std::move(lr)), momentum_(std::move(momentum)) {
    check<Error>(lr_ != nullptr, "schedule", "the schedule of the rate is empty");
  }

  void before_batch(Learner& learn) override {
    if (!learn.training || learn.rehearses) return;
    const Index epoch = learn.dls.train.size();
    const Index step = learn.epoch * epoch + learn.iter, steps = learn.n_epochs * epoch;
    learn.opt->set_lr(lr_(step, steps));
    if (momentum_) learn.opt->set_momentum(momentum_(step, steps));
  }

 private:
  Schedule lr_, momentum_;
};

/// The same before the training batches of every epoch. The steps are the epochs.
class EpochSchedCB : public Callback {
 public:
  /// Throws Error for a rate without a schedule.
  explicit EpochSchedCB(Schedule lr, Schedule momentum = nullptr)
      : lr_(std::move(lr)), momentum_(std::move(momentum)) {
    check<Error>(lr_ != nullptr, "schedule", "the schedule of the rate is empty");
  }

  void before_epoch(Learner& learn) override {
    if (!learn.training || learn.rehearses) return;
    learn.opt->set_lr(lr_(learn.epoch, learn.n_epochs));
    if (momentum_) learn.opt->set_momentum(momentum_(learn.epoch, learn.n_epochs));
  }

 private:
  Schedule lr_, momentum_;
};

}  // namespace kindling
