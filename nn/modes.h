#pragma once

#include <utility>
#include <vector>

#include "nn/module.h"

namespace kindling::nn {

/// Gives every module of a tree the mode back that it has now, at the end of the scope.
class [[nodiscard]] Modes {
 public:
  /// Refers to the modules of the tree, which must outlive it.
  explicit Modes(Module& model) {
    for (auto& [path, module] : model.named_modules())
      modes_.emplace_back(module, module->training());
  }
  ~Modes() {
    for (auto& [module, training] : modes_) module->train(training);  // parents come first
  }
  Modes(const Modes&) = delete;
  Modes& operator=(const Modes&) = delete;

 private:
  std::vector<std::pair<Module*, bool>> modes_;
};

}  // namespace kindling::nn
