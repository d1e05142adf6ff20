#pragma once

#include <optional>

#include "data/dataset.h"
#include "learner/examples/fashion_mnist/options.h"
#include "learner/examples/fashion_mnist/recipes.h"
#include "learner/report/report.h"

namespace kindling {

/// What the page of a training says before it begins: settings, machine, and the model, timed on
/// some rows of `images`. `number`: which model of an ensemble, from 1; 0 when there is only one.
/// `origin`: what the training goes on from.
Report begin_report(const Options& options, const Recipe& recipe, const Dataset& images, int number,
                    const std::optional<Checkpoint>& origin);

}  // namespace kindling
