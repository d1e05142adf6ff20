// Trains one model, or several that are judged together.

#include <cstdio>
#include <limits>
#include <nlohmann/json.hpp>

#include "data/augment.h"
#include "engine/anomaly.h"
#include "engine/error.h"
#include "engine/random.h"
#include "learner/callbacks/activation_stats.h"
#include "learner/callbacks/checkpoint_cb.h"
#include "learner/callbacks/csv_logger.h"
#include "learner/callbacks/jsonl_logger.h"
#include "learner/callbacks/metrics_cb.h"
#include "learner/callbacks/progress.h"
#include "learner/callbacks/report_cb.h"
#include "learner/callbacks/tensorboard_cb.h"
#include "learner/callbacks/terminate_on_nan.h"
#include "learner/callbacks/update_stats.h"
#include "learner/examples/fashion_mnist/commands.h"
#include "learner/examples/fashion_mnist/page.h"
#include "learner/examples/fashion_mnist/pictures.h"
#include "learner/examples/fashion_mnist/recipes.h"
#include "learner/examples/fashion_mnist/split.h"
#include "learner/predictions.h"
#include "learner/stop_signals.h"
#include "nn/layers.h"

namespace kindling {

namespace {

/// The first training batch, changed as the recipe changes it, as a picture; of a fit that goes on
/// where there is no picture yet, its first.
class ShowBatchCB : public Callback {
 public:
  ShowBatchCB(std::string path, const ImageDataset& images)
      : Callback(std::numeric_limits<int>::max() - 1), path_(std::move(path)), images_(images) {}
  void before_batch(Learner& learn) override {
    if (done_ || !learn.training || learn.rehearses) return;
    done_ = true;
    if (learn.start && std::filesystem::exists(path_)) return;
    draw_batch(path_, learn.batch, images_);
  }

 private:
  std::string path_;
  const ImageDataset& images_;
  bool done_ = false;
};

/// One trained model.
struct Trained {
  Predictions judged;
  double accuracy;
  std::optional<double> mirrored;  ///< With mirrored images, if the recipe looks at them.
  std::filesystem::path folder;
};

/// Everything that watches a training, and draws what it saw into a folder.
class Watchers {
 public:
  Watchers(const Options& options, const Settings& settings, std::filesystem::path folder,
           const ImageDataset& images, Report beginning, int number)
      : folder_(std::move(folder)),
        no_stats_(options.no_stats),
        progress_({.out = options.no_progress ? nullptr : stderr, .plot = file("losses.png")}),
        logger_(file("history.csv")),
        lines_(file("history.jsonl")),
        show_batch_(file("batch.png"), images),
        stats_(only<nn::Conv2d>),
        checkpoint_({.last = file("last.safetensors"),
                     .every = options.save_every,
                     .best = file("best.safetensors"),
                     .metric = "accuracy",
                     .larger_is_better = true,
                     .settings = settings}),
        reporter_({.path = file("report.html"),
                   .activations = &stats_,
                   .updates = &updates_,
                   .report = std::move(beginning)}) {
    metrics_.add<metrics::Accuracy>("accuracy");
    metrics_.log = nullptr;
    if (options.tensorboard.empty()) return;
    // Of an ensemble every model has a folder of its own, here too.
    board_.emplace(number > 0 ? options.tensorboard / std::to_string(number) : options.tensorboard);
    if (!no_stats_) board_->add_picture("color_dim", [this] { return stats_.color_dim(); });
  }
  Watchers(const Watchers&) = delete;  // they refer to each other

  void join(Learner& learn, const std::optional<Checkpoint>& resume) {
    if (resume) checkpoint_.resume(*resume);
    for (Callback* cb :
         std::initializer_list<Callback*>{&metrics_, &progress_, &logger_, &lines_, &nan_guard_,
                                          &show_batch_, &reporter_, &checkpoint_})
      learn.add(*cb);
    if (!no_stats_) {
      learn.add(stats_);
      learn.add(updates_);
    }
    if (board_) learn.add(*board_);
  }

  /// The progress display is of the training, not of what follows.
  void end(Learner& learn) { learn.remove(progress_); }

  /// All that was seen, and what the model says of the images that judge it.
  void draw(const Judged& judged) const {
    draw_judged(folder_, judged);
    Report report = reporter_.report();
    add_predictions(report, judged.predictions, judged.images, judged.first);
    write_report(file("report.html"), report);
    std::fprintf(stderr, "all there is to see: %s\n", file("report.html").c_str());
    if (no_stats_) return;
    stats_.color_dim(file("color_dim.png"));
    stats_.dead_chart(file("dead_chart.png"));
    stats_.plot_stats(file("stats.png"));
    updates_.plot(file("updates.png"));
  }

 private:
  std::string file(const char* name) const { return (folder_ / name).string(); }

  std::filesystem::path folder_;
  bool no_stats_;
  MetricsCB metrics_;
  ProgressCB progress_;
  CSVLoggerCB logger_;
  JSONLLoggerCB lines_;
  TerminateOnNaN nan_guard_;
  ShowBatchCB show_batch_;
  ActivationStats stats_;
  UpdateStats updates_;
  CheckpointCB checkpoint_;
  ReportCB reporter_;
  std::optional<TensorBoardCB> board_;
};

/// Trains one model and writes all there is to see into the folder. `number`: which one of an
/// ensemble, from 1; 0 when there is only one.
Trained train_one(const Options& options, Recipe r, const Split& split,
                  const std::filesystem::path& folder, int number,
                  const std::optional<Checkpoint>& resume) {
  prepare_folder(folder);
  const auto learn = make_learner(r, make_data_loaders(split.train, split.valid, r.batch_size));
  if (!resume) prepare_model(r, *learn);
  Watchers watchers(options, settings_of(options, r.lr, number), folder, split.all.train,
                    begin_report(options, r, split.valid, number), number);
  watchers.join(*learn, resume);
  {
    const StopSignals signals;
    std::optional<DetectAnomaly> guard;
    if (options.detect_anomaly) guard.emplace();
    learn->fit(r.epochs);
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

/// Model `number` of the recipe, from 1, with what the command line overrides. Each has a seed of
/// its own, which no other ensemble has.
Recipe make(const NamedRecipe& recipe, const Options& options, int number, int models) {
  set_seed(options.seed * static_cast<std::uint64_t>(models) +
           static_cast<std::uint64_t>(number - 1));
  Recipe r = recipe.make();
  r.epochs = options.epochs.value_or(r.epochs);
  r.batch_size = options.batch_size.value_or(r.batch_size);
  r.lr = options.lr.value_or(r.lr);
  return r;
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
  for (const auto& [name, value] : settings) {
    const auto there = checkpoint.settings().find(name);
    if (there == checkpoint.settings().end() || there->second != value) return {};  // another one
  }
  return checkpoint;
}

void print(const Trained& trained) {
  std::printf("accuracy %.4f\n", trained.accuracy);
  if (trained.mirrored) std::printf("accuracy with mirrored images %.4f\n", *trained.mirrored);
}

void print_json(const std::string& recipe, const Options& options, const std::vector<Trained>& all,
                std::optional<double> together) {
  nlohmann::ordered_json models = nlohmann::ordered_json::array();
  for (const Trained& trained : all) {
    models.push_back({{"folder", trained.folder.string()}, {"accuracy", trained.accuracy}});
    if (trained.mirrored) models.back()["accuracy_with_mirrored"] = *trained.mirrored;
  }
  nlohmann::ordered_json result{{"recipe", recipe}, {"seed", options.seed}, {"models", models}};
  if (together) result["accuracy_together"] = *together;
  std::printf("%s\n", result.dump().c_str());
}

}  // namespace

void train(const Options& options) {
  const NamedRecipe& recipe = named_recipe(options);
  const int models = recipe.make().models;
  Recipe first = make(recipe, options, 1, models);
  const Split split(options.data, first.normalize, options.hold_out.value_or(0));
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
    all.push_back(train_one(options, make(recipe, options, number, models), split,
                            only ? out : out / std::to_string(number), only ? 0 : number,
                            checkpoints[static_cast<std::size_t>(number - 1)]));
    judged.push_back(all.back().judged);
    if (!options.json) print(all.back());
  }
  std::optional<double> together;
  if (models > 1) together = average(judged).accuracy();
  if (options.json)
    print_json(recipe.name, options, all, together);
  else if (together)
    std::printf("accuracy together %.4f\n", *together);
}

}  // namespace kindling
