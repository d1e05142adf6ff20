#include "learner/examples/fashion_mnist/saved.h"

#include <system_error>

#include "engine/error.h"
#include "learner/examples/fashion_mnist/whole_number.h"
#include "learner/files/state_dict.h"

namespace kindling {

namespace {

SavedModel load(const std::filesystem::path& path, const Options& options) {
  std::error_code unreadable;  // which read_weights() has the words for
  check<Error>(std::filesystem::exists(path, unreadable) || unreadable, "from", path,
               ": there is no such file: train first, or name one with --from");
  const NamedArrays weights = read_weights(path);
  const auto setting = [&](const char* name, const char* otherwise) {
    const auto found = weights.metadata.find(name);
    return found == weights.metadata.end() ? std::string(otherwise) : found->second;
  };
  const std::string name = options.recipe.value_or(setting("recipe", kDefaultRecipe));
  SavedModel saved{name, find_recipe(name).make(),
                   whole_number(setting("hold-out", "0")).value_or(0)};
  try {
    load_state_dict(*saved.made.model, weights);
  } catch (const Error& error) {
    const std::string own = setting("recipe", "");
    throw Error(
        str("[from] ", path, ": not of the model of recipe ", name,
            own.empty() || own == name ? str(": ", error.what()) : str(", but of recipe ", own)));
  }
  return saved;
}

}  // namespace

std::vector<SavedModel> load_models(const Options& options) {
  std::vector<SavedModel> models;
  for (const auto& path : options.from) models.push_back(load(path, options));
  for (const SavedModel& model : models) {
    const Normalize &first = models.front().made.normalize, &here = model.made.normalize;
    check<Error>(first.mean == here.mean && first.std == here.std, "from", "models of recipes ",
                 models.front().recipe, " and ", model.recipe,
                 " see their images differently, and are not judged together");
    check<Error>(options.hold_out || model.hold_out == models.front().hold_out, "from",
                 "models that held out ", models.front().hold_out, " and ", model.hold_out,
                 " training images are not judged together; --hold-out says by which");
  }
  return models;
}

}  // namespace kindling
