#pragma once

#include "engine/tensor.h"

namespace kindling {

/// x - log(sum(exp(x))) over the last axis, safe for scores of any size. Throws ShapeError when
/// there is no such axis, or nothing on it.
Tensor log_softmax(const Tensor& x);

/// Mean over the rows of -log softmax(scores)[target]: scores (N, classes), integer targets (N) ->
/// (). With label smoothing s the target distribution is (1 - s) on the label plus s spread evenly
/// over all classes (Szegedy et al., "Rethinking the inception architecture", 2016, section 7;
/// torch's CrossEntropyLoss). Throws ShapeError when counts differ or a target is not a class,
/// Error when the smoothing is not in [0, 1].
Tensor cross_entropy(const Tensor& scores, const IntArray& targets, Scalar label_smoothing = 0);

/// Mean of the squared differences -> (). Throws ShapeError unless the shapes agree: a broadcast
/// here is almost always a mistake.
Tensor mse_loss(const Tensor& prediction, const Tensor& target);

}  // namespace kindling
