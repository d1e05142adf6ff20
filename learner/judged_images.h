#pragma once

#include <vector>

#include "data/dataset.h"
#include "learner/plot/charts.h"
#include "learner/predictions.h"

namespace kindling {

/// What a model says of one row, and what is true.
struct JudgedRow {
  Index row;          ///< Its number among the predictions.
  Index truth;        ///< Its label.
  Index guess;        ///< The class of its largest score.
  double confidence;  ///< The probability of the guess.
};

/// All rows, from the largest loss to the smallest; a loss that is not a number is as large as can
/// be. Throws ShapeError unless there is a label for every row of scores, Error for a label that is
/// no class.
std::vector<JudgedRow> judged_by_loss(const Predictions& predictions);

/// An image of the dataset, to be drawn. Throws ShapeError for a row that it does not have.
plot::Image picture_of(const ImageDataset& images, Index row);

}  // namespace kindling
