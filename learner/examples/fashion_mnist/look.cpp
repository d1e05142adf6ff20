// What can be known of a recipe without training it.

#include <cstdio>
#include <nlohmann/json.hpp>

#include "engine/random.h"
#include "engine/tape.h"
#include "learner/callbacks/lr_finder.h"
#include "learner/examples/fashion_mnist/commands.h"
#include "learner/examples/fashion_mnist/out_folder.h"
#include "learner/examples/fashion_mnist/print_json.h"
#include "learner/examples/fashion_mnist/recipes.h"
#include "learner/examples/fashion_mnist/split.h"
#include "nn/summary.h"

namespace kindling {

using nlohmann::ordered_json;

void find_lr(const Options& options) {
  set_seed(options.seed);
  const NamedRecipe& recipe = named_recipe(options);
  Recipe r = recipe.make();
  const FashionSplit split(options.data, r.normalize, options.hold_out.value_or(0));
  const auto out = options.out.value_or("out");
  prepare_folder(out);
  r.schedule = nullptr;  // The rate is what is looked for.
  r.batch_size = options.batch_size.value_or(r.batch_size);
  check_last_batch(*r.model, split.train.size(), r.batch_size, options.hold_out.value_or(0));
  const auto learn = make_learner(r, make_data_loaders(split.train, split.valid, r.batch_size));
  prepare_model(r, *learn);
  const LRFindResult found = lr_find(*learn);
  const std::string picture = (out / "lr_find.png").string();
  found.plot(picture);
  if (options.json) {
    ordered_json result{{"recipe", recipe.name}, {"batches", found.lrs.size()}};
    result["suggestion"] = found.suggestion ? ordered_json(*found.suggestion) : ordered_json();
    print_json(result);
  } else if (found.suggestion) {
    std::printf("suggested lr %.2g\n", *found.suggestion);
  } else {
    std::printf("no suggestion: the loss never falls\n");
  }
  std::fprintf(stderr, "%s\n", picture.c_str());
}

void summarize_model(const Options& options) {
  const NamedRecipe& recipe = named_recipe(options);
  const Recipe r = recipe.make();
  const Index rows = options.batch_size.value_or(r.batch_size);
  const NoGrad no_grad;
  const std::vector<nn::LayerSummary> layers =
      nn::summarize(*r.model, Tensor(default_random().normal({rows, 28, 28, 1})));
  if (!options.json) {
    std::fputs(nn::summary_table(layers).c_str(), stdout);
    return;
  }
  ordered_json list = ordered_json::array();
  for (const nn::LayerSummary& layer : layers)
    list.push_back({{"path", layer.path},
                    {"type", layer.type},
                    {"output", std::vector<Index>(layer.output.begin(), layer.output.end())},
                    {"parameters", layer.parameters},
                    {"multiply_adds", layer.multiply_adds},
                    {"seconds", layer.seconds}});
  print_json({{"recipe", recipe.name}, {"layers", list}});
}

void list_recipes(const Options& options) {
  ordered_json list = ordered_json::array();
  for (const NamedRecipe& recipe : recipes()) {
    if (options.json)
      list.push_back({{"name", recipe.name}, {"description", recipe.description}});
    else
      std::printf("%-17s %s\n", recipe.name.c_str(), recipe.description.c_str());
  }
  if (options.json) print_json(list);
}

}  // namespace kindling
