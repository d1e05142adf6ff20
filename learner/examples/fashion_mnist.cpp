// Trains the lesson's convolutional network on Fashion-MNIST and looks inside it while it trains.
//
//     fashion_mnist                        the network trained well
//     fashion_mnist --recipe lesson16      too fast on purpose: something to see in color_dim.png
//     fashion_mnist --resume out/last.safetensors      goes on where that training was interrupted

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <map>
#include <numeric>
#include <optional>
#include <string>

#include "data/fashion_mnist.h"

#include "engine/anomaly.h"
#include "engine/ops/reduce.h"
#include "engine/parallel.h"
#include "engine/random.h"
#include "engine/tape.h"
#include "learner/callbacks/activation_stats.h"
#include "learner/callbacks/checkpoint_cb.h"
#include "learner/callbacks/metrics_cb.h"
#include "learner/callbacks/progress.h"
#include "learner/callbacks/terminate_on_nan.h"
#include "learner/examples/example.h"
#include "learner/files/atomic_file.h"
#include "learner/plot/charts.h"
#include "learner/stop_signals.h"
#include "nn/loss.h"
#include "nn/models.h"

using namespace kindling;

namespace {

/// How to train: what a recipe decides and an option can override.
struct Recipe {
  int epochs;
  int batch_size;
  double lr;
  double momentum;
  Normalize normalize;
  bool kaiming;  ///< Otherwise initialized as PyTorch does.
};

/// The lr 0.6 experiment of the lesson, exactly.
const Recipe kLesson16{
    .epochs = 1, .batch_size = 1024, .lr = 0.6, .momentum = 0, .normalize = {}, .kaiming = false};

/// The same network with what the lessons after it teach about a good start.
const Recipe kQuick{.epochs = 3,
                    .batch_size = 256,
                    .lr = 0.03,
                    .momentum = 0.9,
                    .normalize = FashionMnist::kNormalize,
                    .kaiming = true};

const std::map<std::string, Recipe> kRecipes{{"quick", kQuick}, {"lesson16", kLesson16}};

struct Options {
  std::string recipe = "quick";
  std::optional<int> epochs, batch_size;
  std::optional<double> lr;
  std::uint64_t seed = 1;
  int threads = max_threads();
  std::filesystem::path data, out = "out", resume;
  std::optional<Checkpoint> checkpoint = {};  ///< What `resume` names.
  Index save_every = 0;
  bool no_stats = false, no_progress = false, detect_anomaly = false;
};

/// The options that a training which goes on must share with the one that was interrupted.
const char* const kShared[] = {"recipe", "epochs", "batch-size", "lr", "seed", "no-stats"};

/// What was not said is as it was in the training that goes on, and the folder is that of its file.
void adopt(CLI::App& app, const Settings& settings, Options& o) {
  for (const char* name : kShared) {
    const auto saved = settings.find(name);
    CLI::Option* option = app.get_option(std::string("--") + name);
    if (saved != settings.end() && option->empty()) option->default_val(saved->second);
  }
  if (app.get_option("--out")->empty()) o.out = o.resume.parent_path();
  if (o.out.empty()) o.out = ".";
}

/// Fills the options; returns an exit status when the program should end here.
std::optional<int> parse(int argc, char** argv, Options& o) {
  CLI::App app{"Trains a convolutional network on Fashion-MNIST and looks inside it."};
  app.name("fashion_mnist");
  const auto not_empty = [](const std::string& text) {
    return text.empty() ? std::string("a folder expected") : std::string();
  };
  app.add_option("--recipe", o.recipe,
                 "quick: trained well; lesson16: too fast, to see what happens")
      ->check(CLI::IsMember({"quick", "lesson16"}))
      ->capture_default_str();
  app.add_option("--epochs", o.epochs, "passes over the training images (default: the recipe's)")
      ->check(CLI::Range(1, 1'000'000));
  app.add_option("--batch-size", o.batch_size, "images a step (default: the recipe's)")
      ->check(CLI::Range(1, 60'000));
  app.add_option("--lr", o.lr, "learning rate (default: the recipe's)")
      ->check([](const std::string& text) {
        double lr = 0;
        const bool number = CLI::detail::lexical_cast(text, lr);
        return number && lr > 0 && lr <= 1e6 ? "" : "Value " + text + " not in range 0 to 1000000";
      });
  app.add_option("--seed", o.seed, "same seed, same result")
      ->check([](const std::string& text) {
        return text.starts_with('-') ? "Value " + text + " is negative" : "";
      })
      ->capture_default_str();
  app.add_option("--threads", o.threads, "processor cores to use; no result depends on it")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  app.add_option("--data", o.data, "folder with the four IDX files")->check(not_empty);
  app.add_option("--out", o.out, "folder for pictures and history")
      ->check(not_empty)
      ->capture_default_str();
  app.add_option("--save-every", o.save_every,
                 "batches between two checkpoints, OUT/last.safetensors (default: an epoch's)")
      ->check(CLI::Range(1, 1'000'000'000));
  app.add_option("--resume", o.resume, "checkpoint to go on from, with its recipe and settings")
      ->check(not_empty);
  app.add_flag("--no-stats", o.no_stats, "do not look inside");
  app.add_flag("--detect-anomaly", o.detect_anomaly,
               "name the first op that makes a NaN or an infinity (slower)");
  app.add_flag("--no-progress", o.no_progress, "no progress display");
  app.failure_message([](const CLI::App*, const CLI::Error& error) {
    return std::string("fashion_mnist: ") + error.what() + " (--help lists the options)\n";
  });
  try {
    app.parse(argc, argv);
    if (!o.resume.empty()) adopt(app, o.checkpoint.emplace(o.resume).settings(), o);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  return {};
}

/// The shortest text that is read as the same number.
std::string text_of(double number) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, number).ptr};
}

Settings settings_of(const Options& options, const Recipe& recipe) {
  return {{"recipe", options.recipe},
          {"lr", text_of(recipe.lr)},
          {"seed", std::to_string(options.seed)},
          {"no-stats", options.no_stats ? "true" : "false"}};
}

/// A grid of test images, each with its true class and, below that, the predicted one.
void draw_predictions(const std::string& path, nn::Module& model, const ImageDataset& test) {
  constexpr Index kShown = 40;
  const NoGrad no_grad;
  model.eval();
  std::vector<Index> rows(static_cast<std::size_t>(std::min(kShown, test.size())));
  std::iota(rows.begin(), rows.end(), Index{0});
  const IntArray predicted = argmax(model(test.batch(rows).xs));
  std::vector<plot::Image> images;
  std::vector<plot::Caption> captions;
  Index right = 0;
  for (const Index i : rows) {
    const auto pixels = test.images().rows(i, i + 1).values();
    images.push_back({static_cast<int>(test.images().dim(1)),
                      static_cast<int>(test.images().dim(2)),
                      1,
                      {pixels.begin(), pixels.end()}});
    const std::string &truth = test.classes()[test.labels()[i]],
                      &guess = test.classes()[predicted[i]];
    const bool correct = truth == guess;
    right += correct;
    captions.push_back({truth + "\n" + guess, correct ? plot::kRight : plot::kWrong});
  }
  plot::image_grid(path, images, captions,
                   {.title = str("Test images, true class over predicted class: ", right, " of ",
                                 rows.size(), " right")});
}

/// Fails now rather than after the training when the results could not be written.
void prepare_folder(const std::filesystem::path& out) {
  std::error_code error;
  std::filesystem::create_directories(out, error);
  check<Error>(!error, "out", "cannot make the folder ", out, ": ", error.message());
  const auto probe = out / ("writable-" + std::to_string(getpid()) + ".tmp");
  write_file_atomically(probe.string(), "", "out");
  std::filesystem::remove(probe, error);
}

int run(const Options& options) {
  Recipe recipe = kRecipes.at(options.recipe);
  recipe.epochs = options.epochs.value_or(recipe.epochs);
  recipe.batch_size = options.batch_size.value_or(recipe.batch_size);
  recipe.lr = options.lr.value_or(recipe.lr);
  set_threads(options.threads);
  set_seed(options.seed);
  print_machine();
  const auto file = [&](const char* name) { return (options.out / name).string(); };

  const FashionMnist data = load_fashion_mnist(options.data, recipe.normalize);
  prepare_folder(options.out);
  const auto model = nn::conv_net();
  if (recipe.kaiming) nn::kaiming_init(*model);

  MetricsCB metrics;
  metrics.add<metrics::Accuracy>("accuracy");
  metrics.log = nullptr;
  ProgressCB progress({.out = options.no_progress ? nullptr : stderr, .plot = file("losses.png")});
  ActivationStats stats(only<nn::Conv2d>);
  TerminateOnNaN nan_guard;
  TrainLearner learn(*model, make_data_loaders(data.train, data.test, recipe.batch_size),
                     nn::CrossEntropyLoss(),
                     {.lr = recipe.lr,
                      .cbs = {&metrics, &progress, &nan_guard},
                      .opt_func = optimizer<nn::SGD>(nn::SGDOptions{.momentum = recipe.momentum})});
  if (!options.no_stats) learn.add(stats);
  CheckpointCB checkpoint({.last = file("last.safetensors"),
                           .every = options.save_every,
                           .best = file("best.safetensors"),
                           .metric = "accuracy",
                           .larger_is_better = true,
                           .settings = settings_of(options, recipe)});
  if (options.checkpoint) checkpoint.resume(*options.checkpoint);
  learn.add(checkpoint);
  {
    const StopSignals signals;
    std::optional<DetectAnomaly> guard;
    if (options.detect_anomaly) guard.emplace();
    learn.fit(recipe.epochs);
  }

  write_file_atomically(file("history.csv"), metrics.csv());
  if (!options.no_stats) {
    stats.color_dim(file("color_dim.png"));
    stats.dead_chart(file("dead_chart.png"));
    stats.plot_stats(file("stats.png"));
  }
  draw_predictions(file("predictions.png"), *model, data.test);
  std::printf("accuracy %.4f\n", metrics.history().back()["accuracy"]);
  check<Error>(std::fflush(stdout) == 0, "stdout", "cannot write the result");
  return 0;
}

/// A word as a shell reads it back.
std::string quoted(const std::string& word) {
  const auto plain = [](unsigned char c) { return std::isalnum(c) || std::strchr("_-./=,+:@", c); };
  if (!word.empty() && std::all_of(word.begin(), word.end(), plain)) return word;
  std::string text = "'";
  for (const char c : word) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return text + "'";
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
