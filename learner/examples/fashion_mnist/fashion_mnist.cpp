// Trains a network on Fashion-MNIST by one of many recipes, and looks inside it while it trains.
//
//     fashion_mnist                        a small network trained well
//     fashion_mnist --recipe lesson16      too fast on purpose: something to see in color_dim.png
//     fashion_mnist --recipe resnet        the course's residual network
//     fashion_mnist --resume out/last.safetensors      goes on where that training was interrupted

#include <unistd.h>

#include <cstdio>
#include <limits>
#include <numeric>

#include "data/augment.h"
#include "engine/anomaly.h"
#include "engine/parallel.h"
#include "engine/random.h"
#include "learner/callbacks/activation_stats.h"
#include "learner/callbacks/checkpoint_cb.h"
#include "learner/callbacks/csv_logger.h"
#include "learner/callbacks/metrics_cb.h"
#include "learner/callbacks/progress.h"
#include "learner/callbacks/tensorboard_cb.h"
#include "learner/callbacks/terminate_on_nan.h"
#include "learner/callbacks/update_stats.h"
#include "learner/examples/example.h"
#include "learner/examples/fashion_mnist/options.h"
#include "learner/examples/fashion_mnist/pictures.h"
#include "learner/examples/fashion_mnist/recipes.h"
#include "learner/files/atomic_file.h"
#include "learner/predictions.h"
#include "learner/stop_signals.h"
#include "nn/layers.h"

using namespace kindling;

namespace {

/// What is trained on, and what judges.
struct Data {
  FashionMnist all;
  Subset train, valid;

  Data(const std::filesystem::path& dir, const Normalize& normalize, Index hold_out)
      : all(load_fashion_mnist(dir, normalize)),
        train(rows(all.train, 0, kept(hold_out))),
        valid(hold_out > 0 ? rows(all.train, train.size(), all.train.size())
                           : rows(all.test, 0, all.test.size())) {}
  Data(const Data&) = delete;  // the subsets refer to `all`

 private:
  Index kept(Index hold_out) const {
    check<Error>(hold_out < all.train.size(), "hold-out", hold_out, ": less than the ",
                 all.train.size(), " training images expected");
    return all.train.size() - hold_out;
  }
  static Subset rows(const Dataset& dataset, Index begin, Index end) {
    std::vector<Index> numbers(static_cast<std::size_t>(end - begin));
    std::iota(numbers.begin(), numbers.end(), begin);
    return {dataset, std::move(numbers)};
  }
};

/// Fails now rather than after the training when the results could not be written.
void prepare_folder(const std::filesystem::path& out) {
  std::error_code error;
  std::filesystem::create_directories(out, error);
  check<Error>(!error, "out", "cannot make the folder ", out, ": ", error.message());
  const auto probe = out / ("writable-" + std::to_string(getpid()) + ".tmp");
  write_file_atomically(probe.string(), "", "out");
  std::filesystem::remove(probe, error);
}

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

/// Trains one model, writes all there is to see into the folder, and returns what the model says of
/// the images that judge it. `number`: which one of an ensemble, from 1; 0 when there is only one.
Predictions train(const Options& options, Recipe r, const Data& data,
                  const std::filesystem::path& folder, int number,
                  const std::optional<Checkpoint>& resume) {
  const auto file = [&](const char* name) { return (folder / name).string(); };
  prepare_folder(folder);
  const auto learn = make_learner(r, make_data_loaders(data.train, data.valid, r.batch_size));
  if (r.prepare && !resume) {
    const NoGrad no_grad;
    r.prepare(*r.model, learn->dls.train.begin()->xs.at(0));
  }

  MetricsCB metrics;
  metrics.add<metrics::Accuracy>("accuracy");
  metrics.log = nullptr;
  ProgressCB progress({.out = options.no_progress ? nullptr : stderr, .plot = file("losses.png")});
  CSVLoggerCB logger(file("history.csv"));
  TerminateOnNaN nan_guard;
  ShowBatchCB show_batch(file("batch.png"), data.all.train);
  ActivationStats stats(only<nn::Conv2d>);
  UpdateStats updates;
  CheckpointCB checkpoint({.last = file("last.safetensors"),
                           .every = options.save_every,
                           .best = file("best.safetensors"),
                           .metric = "accuracy",
                           .larger_is_better = true,
                           .settings = settings_of(options, r.lr, number)});
  if (resume) checkpoint.resume(*resume);
  for (Callback* cb : std::initializer_list<Callback*>{&metrics, &progress, &logger, &nan_guard,
                                                       &show_batch, &checkpoint})
    learn->add(*cb);
  if (!options.no_stats) {
    learn->add(stats);
    learn->add(updates);
  }
  TensorBoardCB board(number > 0 ? options.tensorboard / std::to_string(number)
                                 : options.tensorboard);
  if (!options.tensorboard.empty()) {
    if (!options.no_stats) board.add_picture("color_dim", [&] { return stats.color_dim(); });
    learn->add(board);
  }
  {
    const StopSignals signals;
    std::optional<DetectAnomaly> guard;
    if (options.detect_anomaly) guard.emplace();
    learn->fit(r.epochs);
  }

  if (!options.no_stats) {
    stats.color_dim(file("color_dim.png"));
    stats.dead_chart(file("dead_chart.png"));
    stats.plot_stats(file("stats.png"));
    updates.plot(file("updates.png"));
  }
  learn->remove(progress);  // Its table is of the training.
  const Predictions plain = capture_preds(*learn);
  const Judged judged{options.hold_out > 0 ? data.all.train : data.all.test,
                      options.hold_out > 0 ? data.train.size() : 0, plain};
  draw_predictions(file("predictions.png"), judged);
  draw_top_losses(file("top_losses.png"), judged);
  draw_confusion(file("confusion.png"), judged);
  std::printf("accuracy %.4f\n", plain.accuracy());
  if (!r.flips) return plain;
  const Predictions both = average({plain, capture_preds(*learn, Augment().horizontal_flip(1))});
  std::printf("accuracy with mirrored images %.4f\n", both.accuracy());
  return both;
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

int run(const Options& options) {
  set_threads(options.threads);
  print_machine();
  const NamedRecipe& recipe = find_recipe(options.recipe);
  const int models = recipe.make().models;
  Recipe first = make(recipe, options, 1, models);
  const Data data(options.data, first.normalize, options.hold_out);
  if (models == 1) {
    train(options, std::move(first), data, options.out, 0, options.checkpoint);
  } else {
    std::vector<std::optional<Checkpoint>> checkpoints;
    for (int number = 1; number <= models; ++number)
      checkpoints.push_back(checkpoint_of(number, options, settings_of(options, first.lr, number)));
    std::vector<Predictions> all;
    for (int number = 1; number <= models; ++number)
      all.push_back(train(options, make(recipe, options, number, models), data,
                          options.out / std::to_string(number), number,
                          checkpoints[static_cast<std::size_t>(number - 1)]));
    std::printf("accuracy together %.4f\n", average(all).accuracy());
  }
  check<Error>(std::fflush(stdout) == 0, "stdout", "cannot write the result");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  try {
    if (const auto status = parse(argc, argv, options)) return *status;
    return run(options);
  } catch (const Stopped& stopped) {
    const std::string data = options.data.empty() ? "" : " --data " + quoted(options.data);
    if (stopped.saved.empty())
      std::fprintf(stderr, "fashion_mnist: stopped\n");
    else
      std::fprintf(stderr, "fashion_mnist: stopped; to go on: %s --resume %s%s\n",
                   quoted(argv[0]).c_str(), quoted(stopped.saved).c_str(), data.c_str());
    return 128 + stopped.signal;
  } catch (const std::bad_alloc&) {
    std::fprintf(stderr, "fashion_mnist: out of memory\n");
  } catch (const std::exception& error) {
    std::fprintf(stderr, "fashion_mnist: %s\n", error.what());
  }
  return 1;
}
