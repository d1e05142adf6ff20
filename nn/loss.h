#pragma once

#include "engine/ops/loss.h"

namespace kindling::nn {

// Losses as objects. A Learner takes functions too, such as mse_loss; cross_entropy has a setting,
// which a pointer to it would not know.

/// scores (N, classes), integer targets (N) -> ().
struct CrossEntropyLoss {
  Scalar label_smoothing = 0;  ///< In [0, 1]: the share spread evenly over all classes.
  /// As cross_entropy() has it, which says what throws.
  Tensor operator()(const Tensor& scores, const IntArray& targets) const {
    return cross_entropy(scores, targets, label_smoothing);
  }
};

/// prediction and target of one shape -> ().
struct MSELoss {
  /// Throws ShapeError unless the shapes agree.
  Tensor operator()(const Tensor& prediction, const Tensor& target) const {
    return mse_loss(prediction, target);
  }
};

}  // namespace kindling::nn
