// Trains one model, or several that are judged together.

#include <cstdio>
#include <nlohmann/json.hpp>

#include "data/augment.h"
#include "engine/anomaly.h"
#include "engine/error.h"
#include "learner/examples/fashion_mnist/commands.h"
#include "learner/examples/fashion_mnist/out_folder.h"
#include "learner/examples/fashion_mnist/page.h"
#include "learner/examples/fashion_mnist/print_json.h"
#include "learner/examples/fashion_mnist/recipes.h"
#include "learner/examples/fashion_mnist/split.h"
#include "learner/examples/fashion_mnist/watchers.h"
#include "learner/predictions.h"
#include "learner/stop_signals.h"

namespace kindling {

namespace {

/// One trained model.
struct Trained {
  Predictions judged;
  double accuracy;
  std::optional<double> mirrored;  ///< With mirrored images, if the recipe looks at them.
  std::filesystem::path folder;
};

/// Trains one model and writes all there is to see into the folder. `number`: which one of an
/// ensemble, from 1; 0 when there is only one.
Trained train_one(const Options& options, Recipe r, const FashionSplit& split,
                  const std::filesystem::path& folder, int number,
                  const std::optional<Checkpoint>& resume, LiveServer* live) {
  check_last_batch(*r.model, split.train.size(), r.batch_size, options.hold_out.value_or(0));
  prepare_folder(folder);
  const auto learn = make_learner(r, make_data_loaders(split.train, split.valid, r.batch_size));
  if (!resume) prepare_model(r, *learn);
  Watchers watchers(options, settings_of(options, r.lr, number), folder, split.all.train,
                    begin_report(options, r, split.valid, number, resume), number, live,
                    number > 0 && number < r.models);
  watchers.join(*learn, resume);
  {
    const StopSignals signals;
    std::optional<DetectAnomaly> guard;
    if (options.detect_anomaly) guard.emplace();
    learn->fit(r.epochs);
    // One that came behind the last batch: nothing of this model is lost, but no other is begun.
    if (const int signal = StopSignals::received())
      throw Stopped(signal, (folder / "last.safetensors").string());
  }
  watchers.end(*learn);

  Trained trained{capture_preds(*learn), 0, {}, folder};
  watchers.draw({split.judging_images(), split.first(), trained.judged});
  trained.accuracy = trained.judged.accuracy();
  if (r.flips) {
    trained.judged = average({trained.judged, capture_preds(*learn, Augment().horizontal_flip(1))});
    trained.mirrored = trained.judged.accuracy();
  }
  return trained;
}

/// What model `number` of an ensemble goes on from: the checkpoint that was named, or the latest
/// one of the same ensemble in the folder of that model beside it.
std::optional<Checkpoint> checkpoint_of(int number, const Options& options,
                                        const Settings& settings) {
  if (!options.checkpoint) return {};
  const int named = model_of(*options.checkpoint);
  const auto folder = std::filesystem::absolute(options.resume).lexically_normal().parent_path();
  check<Error>(named > 0 && folder.filename() == std::to_string(named), "resume", options.resume,
               ": a checkpoint in the folder of its model, ", std::max(named, 1), ", expected");
  if (number == named) return options.checkpoint;
  const auto beside = folder.parent_path() / std::to_string(number) / "last.safetensors";
  if (!std::filesystem::exists(beside)) return {};
  Checkpoint checkpoint(beside);
  // Another training's, it may be: then this model begins anew.
  for (const auto& [name, value] : options.checkpoint->settings()) {
    const auto own = settings.find(name);
    const auto there = checkpoint.settings().find(name);
    if (there == checkpoint.settings().end()) return {};
    if (there->second != (own == settings.end() ? value : own->second)) return {};
  }
  return checkpoint;
}

void print(const Trained& trained) {
  std::printf("accuracy %.4f\n", trained.accuracy);
  if (trained.mirrored) std::printf("accuracy with mirrored images %.4f\n", *trained.mirrored);
}

void print_results(const std::string& recipe, const Options& options,
                   const std::vector<Trained>& all, std::optional<double> together) {
  nlohmann::ordered_json models = nlohmann::ordered_json::array();
  for (const Trained& trained : all) {
    models.push_back({{"folder", trained.folder.string()}, {"accuracy", trained.accuracy}});
    if (trained.mirrored) models.back()["accuracy_with_mirrored"] = *trained.mirrored;
  }
  nlohmann::ordered_json result{{"recipe", recipe}, {"seed", options.seed}, {"models", models}};
  if (together) result["accuracy_together"] = *together;
  print_json(result);
}

}  // namespace

void train(const Options& options) {
  // Before anything else: a port that is taken is found out now rather than after the data.
  std::optional<LiveServer> live;
  if (options.live) {
    live.emplace(*options.live);
    std::fprintf(stderr, "live: http://127.0.0.1:%d/\n", live->port());
  }
  const NamedRecipe& recipe = named_recipe(options);
  const int models = recipe.make().models;
  Recipe first = make_recipe(options, 1, models);
  const FashionSplit split(options.data, first.normalize, options.hold_out.value_or(0));
  const auto out = options.out.value_or("out");
  std::vector<std::optional<Checkpoint>> checkpoints{options.checkpoint};
  if (models > 1) {
    checkpoints.clear();
    for (int number = 1; number <= models; ++number)
      checkpoints.push_back(checkpoint_of(number, options, settings_of(options, first.lr, number)));
  }
  std::vector<Trained> all;
  std::vector<Predictions> judged;
  for (int number = 1; number <= models; ++number) {
    const bool only = models == 1;
    all.push_back(train_one(options, make_recipe(options, number, models), split,
                            only ? out : out / std::to_string(number), only ? 0 : number,
                            checkpoints[static_cast<std::size_t>(number - 1)],
                            live ? &*live : nullptr));
    judged.push_back(all.back().judged);
    if (!options.json) print(all.back());
  }
  std::optional<double> together;
  if (models > 1) together = average(judged).accuracy();
  if (options.json)
    print_results(recipe.name, options, all, together);
  else if (together)
    std::printf("accuracy together %.4f\n", *together);
}

}  // namespace kindling
