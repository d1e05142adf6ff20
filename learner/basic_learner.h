#pragma once

#include <vector>

#include "data/data_loader.h"
#include "learner/loss_function.h"
#include "nn/module.h"
#include "nn/optim.h"

namespace kindling {

class BasicLearner;

/// What BasicLearner calls. Compare the Callback of callback.h, which grew out of it.
struct BasicCallback {
  virtual ~BasicCallback() = default;
  /// An event, which does nothing unless overridden. CancelBatch, CancelEpoch or CancelFit, thrown
  /// within what it names, skips the rest of that, the after_ event too.
  /// @{
  virtual void before_fit(BasicLearner&) {}
  virtual void before_epoch(BasicLearner&) {}
  virtual void before_batch(BasicLearner&) {}
  virtual void after_batch(BasicLearner&) {}
  virtual void after_epoch(BasicLearner&) {}
  virtual void after_fit(BasicLearner&) {}
  /// @}
};

/// The step before the flexible Learner, and the place to begin reading: fit is epochs, an epoch is
/// batches, a batch is five lines, and callbacks are told before and after each. The try blocks say
/// three times what Learner::scope() says once, and there is no cleanup yet: an exception of
/// somebody else's leaves things as they are.
///
/// Refers to model, data and callbacks, which must outlive it.
class BasicLearner {
 public:
  /// The callbacks are called in this order; none may be null.
  BasicLearner(nn::Module& model, DataLoaders dls, LossFunction loss_func, double lr,
               std::vector<BasicCallback*> cbs = {})
      : model(model), dls(dls), loss_func(std::move(loss_func)), lr(lr), cbs(std::move(cbs)) {}

  /// Trains by a new SGD with the rate lr, and validates after every epoch.
  void fit(int n_epochs);

  /// As given to the constructor.
  /// @{
  nn::Module& model;
  DataLoaders dls;
  LossFunction loss_func;
  double lr;
  std::vector<BasicCallback*> cbs;
  /// @}

  std::unique_ptr<nn::Optimizer> opt;  ///< Of the current or latest fit.
  int epoch = 0;                       ///< From 0.
  Index iter = 0;                      ///< Batch of the pass, from 0.
  const DataLoader* dl = nullptr;      ///< What this pass reads.
  Batch batch;                         ///< The one at hand.
  Tensor preds;  ///< In after_batch those of this batch; in before_batch still of the one before.
  Tensor loss;   ///< As preds.

 private:
  void one_epoch(bool train);
  void one_batch();
  void callback(void (BasicCallback::*event)(BasicLearner&));
};

}  // namespace kindling
