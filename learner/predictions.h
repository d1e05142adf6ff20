#pragma once

#include <functional>
#include <vector>

#include "learner/learner.h"

namespace kindling {

/// What a model says of a dataset, row by row, and what is true.
struct Predictions {
  Array scores;     ///< (N, classes), or whatever a model says of values.
  IntArray labels;  ///< (N); undefined where the data hold values.

  /// The share of rows whose largest score is at the label. NaN for no rows. Throws Error without
  /// labels.
  double accuracy() const;
};

/// Changes a batch of inputs: one view of the data.
using View = std::function<Batch(Batch)>;

/// The predictions of the learner's model for its validation data, through the learner's callbacks
/// (which may transform batches), after `view` if there is one. All of the learner stays as it is:
/// optimizer, gradients, mode of the model, and what it says of the latest fit. Throws Error when
/// there is no validation data, when it is shuffled, and when a callback cancelled a part of it. A
/// view that is random draws from default_random(), whose later numbers are then others.
Predictions capture_preds(Learner& learn, const View& view = nullptr);

/// Test-time augmentation: average() over several views of the same rows. What random views draw
/// from default_random() is given back: the next fit is the one that it would have been. Throws
/// Error for no views.
///
///     tta(learn, {nullptr, Augment().horizontal_flip(1)})
Predictions tta(Learner& learn, const std::vector<View>& views);

/// Several models, or views, together: the mean of their probabilities (softmax of the scores), of
/// which the scores are the logarithms, so that they can be averaged again. (The course averages
/// scores.) Throws Error for none, without labels, for other labels, or another number of classes.
Predictions average(const std::vector<Predictions>& all);

}  // namespace kindling
