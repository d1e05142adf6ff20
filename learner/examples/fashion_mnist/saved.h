#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "learner/examples/fashion_mnist/options.h"
#include "learner/examples/fashion_mnist/recipes.h"

namespace kindling {

/// A model that was trained, from a file.
struct SavedModel {
  std::string recipe;
  Recipe made;  ///< With the model, whose weights are those of the file.
  /// So many training images were kept from it, to judge it by.
  Index hold_out = 0;
};

/// What `--from` names. Weights that know their recipe are those of a checkpoint; for others it is
/// --recipe, or the default one. Throws Error when a file is none, or has weights of another model.
std::vector<SavedModel> load_models(const Options& options);

}  // namespace kindling
