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
  virtual void before_fit(BasicLearner&) {}
  virtual void before_epoch(BasicLearner&) {}
  virtual void before_batch(BasicLearner&) {}
  virtual void after_batch(BasicLearner&) {}
  virtual void after_epoch(BasicLearner&) {}
  virtual void after_fit(BasicLearner&) {}
};

/// The step before the flexible Learner, and the place to begin reading: fit is epochs, an epoch is
/// batches, a batch is five lines, and callbacks are told before and after each. The try blocks say
/// three times what Learner::scope() says once, and there is no cleanup yet: an exception of
/// somebody else's leaves things as they are.
///
/// Refers to model, data and callbacks, which must outlive it.
class BasicLearner {
 public:
  BasicLearner(nn::Module& model, DataLoaders dls, LossFunction loss_func, double lr,
               std::vector<BasicCallback*> cbs = {})
      : model(model), dls(dls), loss_func(std::move(loss_func)), lr(lr), cbs(std::move(cbs)) {}

  void fit(int n_epochs);

  nn::Module& model;
  DataLoaders dls;
  LossFunction loss_func;
  double lr;
  std::vector<BasicCallback*> cbs;

  std::unique_ptr<nn::Optimizer> opt;
  int epoch = 0;
  Index iter = 0;
  const DataLoader* dl = nullptr;
  Batch batch;
  Tensor preds, loss;

 private:
  void one_epoch(bool train);
  void one_batch();
  void callback(void (BasicCallback::*event)(BasicLearner&));
};

}  // namespace kindling
