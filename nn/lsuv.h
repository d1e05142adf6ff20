#pragma once

#include <functional>
#include <string>
#include <vector>

#include "nn/layers.h"

namespace kindling::nn {

inline namespace KINDLING_PRECISION {

/// Settings of lsuv().
struct LsuvOptions {
  double tolerance = 1e-3;  ///< How far mean and deviation may be from 0 and 1.
  int most_passes = 30;     ///< Corrections of one layer; a pass through the model measures each.
  /// Also the layer that runs last. The course leaves it as it is: scores that begin near 0 are as
  /// good as none, and bear a higher rate.
  bool head = true;
  /// Says what there is to correct in a module. The default knows Linear and Conv2d; layers of
  /// one's own are passed over unless another function knows them:
  ///
  ///     [](nn::Module& m) {
  ///       if (auto* mine = dynamic_cast<Mine*>(&m)) return nn::Weights{mine->weight, mine->bias};
  ///       return nn::weights_of(m);
  ///     }
  ///
  /// Outputs must be linear in the two together.
  std::function<Weights(Module&)> weights = weights_of;
};

}  // namespace KINDLING_PRECISION

/// What became of a layer: the mean and deviation of what was measured, before and after.
struct LsuvLayer {
  std::string path;  ///< As in Module::named_modules().
  /// The deviation is that over n.
  /// @{
  double mean_before, std_before, mean, std;
  /// @}
  int passes;  ///< How often it was corrected; 0 when it was left alone.
};

/// Layer-sequential unit variance (Mishkin and Matas, "All you need is a good init", 2016): layer
/// by layer, in the order in which the model runs them, the weights of every Linear and Conv2d (and
/// of what LsuvOptions::weights knows besides) are divided by the deviation of what comes out for
/// the batch x, and the bias is moved by its mean and divided too, until mean is 0 and deviation 1.
/// The model is in evaluation meanwhile. A layer that runs several times is measured at the first.
///
/// As in the course, that is measured behind the activation where it is a GeneralRelu with `sub`,
/// which can have mean 0; and at the layer itself where there is no activation, or one that has no
/// negative outputs. A layer whose outputs do not vary is left alone. Throws Error for
/// a tolerance or a number of passes that is not positive, and without a function `weights`.
std::vector<LsuvLayer> lsuv(Module& model, const Tensor& x, LsuvOptions options = {});

}  // namespace kindling::nn
