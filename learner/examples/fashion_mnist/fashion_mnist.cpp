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
#include "learner/callbacks/terminate_on_nan.h"
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
        train(rows(all.train, 0, all.train.size() - hold_out)),
        valid(hold_out > 0 ? rows(all.train, train.size(), all.train.size())
                           : rows(all.test, 0, all.test.size())) {}

 private:
  static Subset rows(const Dataset& dataset, Index begin, Index end) {
    check<Error>(begin >= 0 && begin <= end && end > 0, "hold-out", "there are ", dataset.size(),
                 " training images");
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

/// The first batch, changed as the recipe changes it, as a picture.
class ShowBatchCB : public Callback {
 public:
  ShowBatchCB(std::string path, const ImageDataset& images)
      : Callback(std::numeric_limits<int>::max() - 1), path_(std::move(path)), images_(images) {}
  void before_batch(Learner& learn) override {
    if (learn.training && learn.epoch == 0 && learn.iter == 0)
      draw_batch(path_, learn.batch, images_);
  }

 private:
  std::string path_;
  const ImageDataset& images_;
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
  if (!options.no_stats) learn->add(stats);
  {
    const StopSignals signals;
    std::optional<DetectAnomaly> guard;
    if (options.detect_anomaly) guard.emplace();
    learn->fit(r.epochs);
  }
  if (r.finish) r.finish();

  if (!options.no_stats) {
    stats.color_dim(file("color_dim.png"));
    stats.dead_chart(file("dead_chart.png"));
    stats.plot_stats(file("stats.png"));
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

/// Model `number` of the recipe, from a seed of its own, with what the command line overrides.
Recipe make(const NamedRecipe& recipe, const Options& options, int number) {
  set_seed(options.seed + static_cast<std::uint64_t>(number - 1));
  Recipe r = recipe.make();
  r.epochs = options.epochs.value_or(r.epochs);
  r.batch_size = options.batch_size.value_or(r.batch_size);
  r.lr = options.lr.value_or(r.lr);
  return r;
}

int run(const Options& options) {
  set_threads(options.threads);
  print_machine();
  const NamedRecipe& recipe = find_recipe(options.recipe);
  Recipe first = make(recipe, options, 1);
  const Data data(options.data, first.normalize, options.hold_out);
  if (first.models == 1) {
    train(options, std::move(first), data, options.out, 0, options.checkpoint);
  } else {
    // Each in a folder of its own. To go on is to go on with each that has a checkpoint.
    std::vector<Predictions> all;
    for (int number = 1; number <= first.models; ++number) {
      const auto folder = options.out / std::to_string(number);
      const auto last = folder / "last.safetensors";
      std::optional<Checkpoint> resume;
      if (options.checkpoint && std::filesystem::exists(last)) resume.emplace(last);
      all.push_back(train(options, make(recipe, options, number), data, folder, number, resume));
    }
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
