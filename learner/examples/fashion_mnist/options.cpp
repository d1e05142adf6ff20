#include "learner/examples/fashion_mnist/options.h"

#include <algorithm>
#include <cctype>
#include <cstring>

#include "engine/random.h"
#include "learner/examples/fashion_mnist/recipes.h"
#include "learner/examples/fashion_mnist/whole_number.h"

namespace kindling {

namespace {

/// The shortest text that is read as the same number.
std::string text_of(double number) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, number).ptr};
}

}  // namespace

const NamedRecipe& named_recipe(const Options& options) {
  return find_recipe(options.recipe.value_or(kDefaultRecipe));
}

Recipe make_recipe(const Options& options, int number, int models) {
  set_seed(options.seed * static_cast<std::uint64_t>(models) +
           static_cast<std::uint64_t>(number - 1));
  Recipe r = named_recipe(options).make();
  r.epochs = options.epochs.value_or(r.epochs);
  r.batch_size = options.batch_size.value_or(r.batch_size);
  r.lr = options.lr.value_or(r.lr);
  return r;
}

Settings settings_of(const Options& options, double lr, int model) {
  Settings settings{{"recipe", options.recipe.value_or(kDefaultRecipe)},
                    {"lr", text_of(lr)},
                    {"seed", std::to_string(options.seed)},
                    {"hold-out", std::to_string(options.hold_out.value_or(0))},
                    {"no-stats", options.no_stats ? "true" : "false"}};
  if (model > 0) settings["model"] = std::to_string(model);
  return settings;
}

int model_of(const Checkpoint& checkpoint) {
  const auto model = checkpoint.settings().find("model");
  return model == checkpoint.settings().end() ? 0 : whole_number(model->second).value_or(0);
}

std::string quoted(const std::string& word) {
  const auto plain = [](unsigned char c) { return std::isalnum(c) || std::strchr("_-./=,+:@", c); };
  if (!word.empty() && std::all_of(word.begin(), word.end(), plain)) return word;
  std::string text = "'";
  for (const char c : word) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return text + "'";
}

}  // namespace kindling
