#pragma once

#include "engine/error.h"
#include "learner/learner.h"

namespace kindling {

/// The five steps of a batch as a callback, for a plain Learner: the course's, whose batches may be
/// tuples. (A TrainLearner gives the model all inputs of a batch.)
class TrainCB : public Callback {
 public:
  /// The model takes the first n_inp tensors of a batch. When it holds more, the next one becomes
  /// the target batch.y.
  explicit TrainCB(int n_inp = 1) : n_inp_(static_cast<std::size_t>(n_inp)) {
    check<Error>(n_inp >= 1, "TrainCB", "n_inp ", n_inp, ": at least 1 expected");
  }

  void before_batch(Learner& learn) override {
    auto& xs = learn.batch.xs;
    check<Error>(xs.size() >= n_inp_, "TrainCB", n_inp_, " inputs expected, the batch has ",
                 xs.size());
    if (xs.size() > n_inp_) learn.batch.y = xs[n_inp_];
    xs.resize(n_inp_);
  }
  void predict(Learner& learn) override { learn.preds = learn.model(learn.batch.xs); }
  void get_loss(Learner& learn) override { learn.loss = learn.loss_func(learn.preds, learn.batch); }
  void backward(Learner& learn) override { learn.loss.backward(); }
  void step(Learner& learn) override { learn.opt->step(); }
  void zero_grad(Learner& learn) override { learn.opt->zero_grad(); }

 private:
  std::size_t n_inp_;
};

}  // namespace kindling
