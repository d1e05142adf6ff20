#pragma once

#include "learner/learner.h"

namespace kindling {

/// Ends the fit after one batch: the smoke test of a pipeline.
class SingleBatchCB : public Callback {
 public:
  SingleBatchCB() : Callback(100) {}  // behind the callbacks that want to see that batch
  void after_batch(Learner&) override { throw CancelFit(); }
};

}  // namespace kindling
