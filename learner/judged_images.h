#pragma once

#include <vector>

#include "data/dataset.h"
#include "learner/plot/charts.h"
#include "learner/predictions.h"

namespace kindling {

/// The rows from the largest loss to the smallest; a loss that is not a number is as large as can
/// be.
std::vector<Index> rows_by_loss(const Predictions& predictions);

/// An image of the dataset, to be drawn. Throws ShapeError for a row that it does not have.
plot::Image picture_of(const ImageDataset& images, Index row);

}  // namespace kindling
