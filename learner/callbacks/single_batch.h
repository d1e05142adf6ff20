#pragma once

#include "learner/learner.h"

namespace kindling {

/// Ends the fit after one batch: the smoke test of a pipeline.
class SingleBatchCB : public Callback {
 public:
  SingleBatchCB() : Callback(callback_order::kSingleBatch) {}
  void after_batch(Learner&) override { throw CancelFit(); }
};

}  // namespace kindling
