#pragma once

#include <utility>

#include "learner/learner.h"
#include "learner/schedules.h"

namespace kindling {

/// Sets the learning rate before every training batch.
class BatchSchedCB : public Callback {
 public:
  explicit BatchSchedCB(Schedule lr) : lr_(std::move(lr)) {}

  void before_batch(Learner& learn) override {
    if (!learn.training) return;
    const Index epoch = learn.dls.train.size();
    learn.opt->set_lr(lr_(learn.epoch * epoch + learn.iter, learn.n_epochs * epoch));
  }

 private:
  Schedule lr_;
};

}  // namespace kindling
