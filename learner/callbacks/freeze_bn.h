#pragma once

#include <vector>

#include "learner/learner.h"
#include "nn/norm.h"

namespace kindling {

/// Keeps the batch norms of frozen layers still (fastai's BnFreeze): those whose parameters are all
/// frozen, see nn::freeze(), stay in evaluation mode while the rest trains. They go by their
/// running statistics, which do not move; otherwise these would drift with the batches, away from
/// the weights around them.
class FreezeBNCB : public Callback {
 public:
  void before_epoch(Learner& learn) override {
    if (!learn.training) return;
    for (const auto& [path, module] : learn.model.named_modules()) {
      const auto* norm = dynamic_cast<const nn::BatchNorm*>(module);
      if (!norm || norm->weight.requires_grad() || norm->bias.requires_grad()) continue;
      module->eval();
      still_.push_back(module);
    }
  }
  /// Gives them the mode of the pass again.
  void cleanup_epoch(Learner&) override {
    for (nn::Module* module : still_) module->train();
    still_.clear();
  }

 private:
  std::vector<nn::Module*> still_;
};

}  // namespace kindling
