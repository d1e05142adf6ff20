#pragma once

#include <string>
#include <vector>

#include "nn/module.h"

namespace kindling::nn {

/// What a layer is and does, for one batch.
struct LayerSummary {
  std::string path;      ///< As in Module::named_modules().
  std::string type;      ///< With its extra(): "Conv2d(1, 8, kernel 5x5, ...)".
  Shape output;          ///< For the whole batch.
  Index parameters = 0;  ///< How many numbers they hold.
  /// Of a row of the batch, going forward: what convolutions and dense layers multiply and add. The
  /// whole kernel counts at every pixel of the output, also where it lies on the padding, as the
  /// course and PyTorch's FlopCounterMode count; our kernels skip most of those zeros, and bench/
  /// counts none of them. Nothing for the rest, which is bound by memory.
  double multiply_adds = 0;
  double seconds = 0;  ///< Of the whole batch; the shortest of several runs.
};

/// The modules without children, in the order in which the model runs them on x (N, ...), once for
/// every time that they run; the second time without parameters, so that these add up to the
/// model's (but for those that a module with children has of its own). Each is timed alone, which
/// leaves out what several save when they are computed together. The model is in evaluation
/// meanwhile, and stays as it was. Throws Error for less than one run, and what the model throws.
std::vector<LayerSummary> summarize(Module& model, const Tensor& x, int runs = 5);

/// The same as a table for people, a layer a line, with the sums below.
std::string summary_table(const std::vector<LayerSummary>& layers);

}  // namespace kindling::nn
