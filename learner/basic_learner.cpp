#include "learner/basic_learner.h"

#include "engine/tape.h"
#include "learner/callback.h"

namespace kindling {

void BasicLearner::callback(void (BasicCallback::*event)(BasicLearner&)) {
  for (BasicCallback* cb : cbs) (cb->*event)(*this);
}

void BasicLearner::one_batch() {
  preds = model(batch.xs);
  loss = loss_func(preds, batch);
  if (!model.training()) return;
  loss.backward();
  opt->step();
  opt->zero_grad();
}

void BasicLearner::one_epoch(bool train) {
  model.train(train);
  dl = train ? &dls.train : &dls.valid;
  try {
    callback(&BasicCallback::before_epoch);
    iter = 0;
    for (const Batch& next : *dl) {
      batch = next;
      try {
        callback(&BasicCallback::before_batch);
        one_batch();
        callback(&BasicCallback::after_batch);
      } catch (const CancelBatch&) {
      }
      ++iter;
    }
    callback(&BasicCallback::after_epoch);
  } catch (const CancelEpoch&) {
  }
}

void BasicLearner::fit(int n_epochs) {
  opt = std::make_unique<nn::SGD>(model.parameters(), lr);
  try {
    callback(&BasicCallback::before_fit);
    for (epoch = 0; epoch < n_epochs; ++epoch) {
      one_epoch(true);
      const NoGrad no_grad;
      one_epoch(false);
    }
    callback(&BasicCallback::after_fit);
  } catch (const CancelFit&) {
  }
}

}  // namespace kindling
