// A fit that is interrupted and goes on: the same bits as one that never was.

#include "learner/files/checkpoint.h"

#include <doctest/doctest.h>

#include <csignal>
#include <memory>
#include <string>
#include <vector>

#include "data/synthetic.h"
#include "learner/callbacks/activation_stats.h"
#include "learner/callbacks/checkpoint_cb.h"
#include "learner/callbacks/lr_finder.h"
#include "learner/callbacks/progress.h"
#include "learner/callbacks/sched_cb.h"
#include "learner/files/state_dict.h"
#include "learner/stop_signals.h"
#include "nn/layers.h"
#include "nn/loss.h"
#include "nn/models.h"
#include "nn/norm.h"
#include "tests/learner/fits.h"
#include "tests/plot/picture.h"
#include "tests/support/errors.h"

using namespace kindling;
using namespace kindling::test;
using plot::testing::file_bytes;
using plot::testing::TemporaryFolder;

namespace {

const SyntheticOptions kSmall{.height = 8, .width = 8};

/// A fit with all that has a state: shuffled rows, dropout, batch norm, AdamW, one cycle, metrics,
/// statistics. Two epochs of 20 batches, and 3 of validation.
struct Fit {
  explicit Fit(CheckpointOptions options, std::uint64_t seed = 1, Index widths = 4)
      : checkpoint(std::move(options)) {
    set_seed(seed);
    model.add(nn::conv_bn(1, widths));
    model.add(nn::make<nn::Dropout>(0.3));
    model.add(nn::conv_bn(widths, 4));
    model.add(nn::make<nn::Flatten>());
    model.add(nn::make<nn::Dropout>(0.5));
    model.add(nn::make<nn::Linear>(16, 5));
    metrics.add<metrics::Accuracy>("accuracy");
    metrics.add<metrics::F1>("f1", 5, metrics::Average::macro);
    metrics.add<metrics::MulticlassAccuracy>("top2", metrics::MulticlassAccuracyOptions{.k = 2});
    metrics.clock = [] { return 0.0; };  // the one thing that no two runs have in common
    learn.emplace(model, DataLoaders{DataLoader(train, 8, true), DataLoader(valid, 16)},
                  nn::CrossEntropyLoss(),
                  LearnerOptions{.cbs = {&metrics, &progress, &stats, &schedule, &checkpoint},
                                 .opt_func = optimizer<nn::AdamW>()});
  }
  void run() { learn->fit(2); }

  ImageDataset train = synthetic_images(157, 5, 1, kSmall),
               valid = synthetic_images(40, 5, 2, kSmall);
  nn::Sequential model;
  MetricsCB metrics;
  ProgressCB progress{{.out = nullptr}};
  ActivationStats stats{only<nn::Conv2d>, true, true};
  BatchSchedCB schedule{one_cycle({.max = 0.02})};
  CheckpointCB checkpoint;
  std::optional<TrainLearner> learn;
};

/// Throws out of the fit after so many batches of both kinds, once they are saved.
struct StopAfter : Callback {
  int left;
  std::string path;
  StopAfter(int batches, std::string file)
      : Callback(CheckpointCB::kOrder), left(batches), path(std::move(file)) {}
  void after_batch(Learner& learn) override {
    if (--left > 0) return;
    save_checkpoint(path, learn, {learn.epoch, learn.training, learn.iter + 1, learn.order});
    throw std::runtime_error("pulled the plug");
  }
};

std::string refusal(Fit& fit, const std::string& path) {
  try {
    fit.checkpoint.resume(path);
    fit.run();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("checkpoint: a fit interrupted after any batch ends in the same file, byte for byte") {
  const TemporaryFolder folder;
  const std::string whole = folder.file("whole"), half = folder.file("half"),
                    rest = folder.file("rest");
  Fit uninterrupted({.last = whole});
  uninterrupted.run();
  REQUIRE(uninterrupted.progress.losses().size() == 40);
  const std::string expected = file_bytes(whole);

  for (int batches = 1; batches <= 46; ++batches) {
    CAPTURE(batches);
    Fit first({});
    StopAfter stop(batches, half);
    first.learn->add(stop);
    CHECK_THROWS_WITH(first.run(), "pulled the plug");
    Fit second({.last = rest}, /*seed=*/7);  // whatever it begins with must not matter
    second.checkpoint.resume(half);
    second.run();
    CHECK((file_bytes(rest) == expected));
    CHECK(second.metrics.csv() == uninterrupted.metrics.csv());
  }
}

TEST_CASE("checkpoint: a fit interrupted between two epochs ends in the same file") {
  const TemporaryFolder folder;
  const std::string whole = folder.file("whole"), half = folder.file("half"),
                    rest = folder.file("rest");
  Fit uninterrupted({.last = whole});
  uninterrupted.run();
  Fit first({.last = half});
  OnEvent stop([](const std::string& event, Learner& learn) {
    if (event == "before_epoch" && learn.epoch == 1) throw std::runtime_error("pulled the plug");
  });
  first.learn->add(stop);
  CHECK_THROWS_WITH(first.run(), "pulled the plug");
  Fit second({.last = rest}, /*seed=*/7);
  second.checkpoint.resume(half);
  second.run();
  CHECK(second.metrics.csv() == uninterrupted.metrics.csv());
  CHECK((file_bytes(rest) == file_bytes(whole)));
}

TEST_CASE("checkpoint: every optimizer goes on with what its steps have left") {
  const TemporaryFolder folder;
  const std::string whole = folder.file("whole"), half = folder.file("half"),
                    rest = folder.file("rest");
  const OptimizerFactory kinds[] = {
      optimizer<nn::SGD>(),
      optimizer<nn::SGD>(nn::SGDOptions{.momentum = 0.9}),
      optimizer<nn::SGD>(nn::SGDOptions{.momentum = 0.9, .nesterov = true}),
      optimizer<nn::RMSprop>(),
      optimizer<nn::RMSprop>(nn::RMSpropOptions{.momentum = 0.5}),
      optimizer<nn::Adam>(nn::AdamOptions{.weight_decay = 0.1})};
  for (const OptimizerFactory& kind : kinds) {
    Fit uninterrupted({.last = whole}), first({}), second({.last = rest}, 7);
    StopAfter stop(7, half);
    first.learn->add(stop);
    for (Fit* fit : {&uninterrupted, &first, &second}) fit->learn->opt_func = kind;
    set_seed(1);
    const Random::State begin = default_random().state();
    for (Fit* fit : {&uninterrupted, &first}) {
      default_random().set_state(begin);
      if (fit == &first)
        CHECK_THROWS_WITH(fit->run(), "pulled the plug");
      else
        fit->run();
    }
    second.checkpoint.resume(half);
    second.run();
    CHECK((file_bytes(rest) == file_bytes(whole)));
  }
}

TEST_CASE("checkpoint: resumed twice, and with other numbers of threads") {
  const TemporaryFolder folder;
  const std::string whole = folder.file("whole"), half = folder.file("half"),
                    rest = folder.file("rest");
  Fit uninterrupted({.last = whole});
  uninterrupted.run();
  for (const int threads : {1, 3}) {
    const Threads guard(threads);
    Fit first({});
    StopAfter stop(7, half);
    first.learn->add(stop);
    CHECK_THROWS_WITH(first.run(), "pulled the plug");
    Fit second({});
    StopAfter again(20, half);
    second.learn->add(again);
    second.checkpoint.resume(half);
    CHECK_THROWS_WITH(second.run(), "pulled the plug");
    Fit third({.last = rest});
    third.checkpoint.resume(half);
    third.run();
    CHECK((file_bytes(rest) == file_bytes(whole)));
  }
}

TEST_CASE("checkpoint: of a fit that is over, nothing is left to do and everything to see") {
  const TemporaryFolder folder;
  const std::string path = folder.file("last");
  Fit first({.last = path});
  first.run();
  Fit second({}, 9);
  second.checkpoint.resume(path);
  second.run();
  CHECK(bits(second.model) == bits(first.model));
  CHECK(second.metrics.csv() == first.metrics.csv());
  CHECK(second.progress.losses() == first.progress.losses());
  CHECK(second.stats.hooks()[1].state().histograms == first.stats.hooks()[1].state().histograms);
}

TEST_CASE("checkpoint: another fit or model is refused by name, and nothing has changed") {
  const TemporaryFolder folder;
  const std::string path = folder.file("last");
  Fit fit({.last = path, .settings = {{"recipe", "quick"}, {"seed", "1"}}});
  fit.run();

  Fit other({.settings = {{"recipe", "slow"}, {"augment", "yes"}}});
  const std::string before = bits(other.model);
  CHECK(refusal(other, path) ==
        "[checkpoint] \"" + path +
            "\": of another fit: augment nothing there, yes here; recipe quick there, slow here; "
            "seed 1 there, nothing here");
  CHECK(bits(other.model) == before);

  const Settings same{{"recipe", "quick"}, {"seed", "1"}};
  Fit wider({.settings = same}, 1, 6);
  const std::string weights = bits(wider.model);
  const std::string message = refusal(wider, path);
  CHECK(holds(message, "of another model: "));
  CHECK(holds(message, "0.0.weight (6,1,3,3), got (4,1,3,3)"));
  CHECK(bits(wider.model) == weights);

  Fit fewer({.settings = same});
  fewer.learn->dls.train = DataLoader(fewer.train, 16, true);
  CHECK(holds(refusal(fewer, path), "batch-size 8 there, 16 here; batches 20 there, 10 here"));

  Fit sgd({.settings = same});
  sgd.learn->opt_func = optimizer<nn::SGD>();
  CHECK(holds(refusal(sgd, path), "optimizer.type: expected SGD, got AdamW"));
  Fit decay({.settings = same});
  decay.learn->opt_func = optimizer<nn::AdamW>(nn::AdamOptions{.weight_decay = 0.5});
  CHECK(holds(refusal(decay, path), "optimizer.weight_decay: expected 0.5, got 0.01"));
  Fit blind({.settings = same});
  blind.learn->remove(blind.stats);
  CHECK(holds(refusal(blind, path), "holds 'callbacks.activation_stats."));
  Fit measured({.settings = same});
  measured.metrics.add<metrics::Accuracy>("again");
  CHECK(holds(refusal(measured, path),
              "callbacks.metrics.metric.again.sum: expected a number, got nothing"));
}

TEST_CASE("checkpoint: a file of weights can be read from it, and is not one itself") {
  const TemporaryFolder folder;
  const std::string path = folder.file("last"), weights = folder.file("weights");
  Fit fit({.last = path});
  fit.run();
  Fit other({});
  load_state_dict(other.model, read_weights(path));
  CHECK(bits(other.model) == bits(fit.model));
  write_safetensors(weights, state_dict(fit.model));
  CHECK(read_weights(weights).arrays.size() == read_weights(path).arrays.size());
  CHECK_THROWS_WITH_AS(
      Checkpoint{weights},
      ("[checkpoint] \"" + weights + "\": holds weights alone, and no state to go on from").c_str(),
      Error);
}

TEST_CASE("CheckpointCB: every so many batches, after every epoch, and the best epoch") {
  const TemporaryFolder folder;
  const std::string last = folder.file("last"), best = folder.file("best");
  Fit fit({.last = last, .every = 7, .best = best, .metric = "accuracy", .larger_is_better = true});
  std::vector<std::string> seen;  // when the file had changed
  std::string bytes;
  OnEvent watch([&](const std::string& event, Learner& learn) {
    if ((event != "cleanup_batch" && event != "before_epoch") || !std::filesystem::exists(last))
      return;
    if (std::exchange(bytes, file_bytes(last)) != bytes)
      seen.push_back(str(event, " ", learn.epoch, " ", learn.iter));
  });
  fit.learn->add(watch);
  fit.run();
  CHECK(seen == std::vector<std::string>{"cleanup_batch 0 6", "cleanup_batch 0 13",
                                         "before_epoch 1 0", "cleanup_batch 1 0",
                                         "cleanup_batch 1 7", "cleanup_batch 1 14"});
  const auto& history = fit.metrics.history();
  const bool second = history[3]["accuracy"] > history[1]["accuracy"];
  Fit from_best({});
  from_best.checkpoint.resume(best);
  from_best.learn->fit(2);
  CHECK(from_best.metrics.csv() == fit.metrics.csv());
  CHECK((file_bytes(best) == file_bytes(last)) == second);
}

TEST_CASE("CheckpointCB: a signal ends the fit behind the batch, with a checkpoint") {
  const TemporaryFolder folder;
  const std::string whole = folder.file("whole"), half = folder.file("half");
  Fit uninterrupted({.last = whole});
  uninterrupted.run();
  for (const int signal : {SIGINT, SIGTERM}) {
    Fit fit({.last = half});
    OnEvent ask([&](const std::string& event, Learner& learn) {
      if (event == "after_predict" && learn.epoch == 1 && learn.iter == 3) std::raise(signal);
    });
    fit.learn->add(ask);
    {
      const StopSignals signals;
      CHECK(StopSignals::received() == 0);
      try {
        fit.run();
        CHECK(false);
      } catch (const Stopped& stopped) {
        CHECK(stopped.signal == signal);
        CHECK(stopped.saved == half);
      }
    }
    CHECK(StopSignals::received() == 0);
    CHECK(fit.progress.losses().size() == 24);
    Fit rest({.last = half});
    rest.checkpoint.resume(half);
    rest.run();
    CHECK((file_bytes(half) == file_bytes(whole)));
  }
}

TEST_CASE("CheckpointCB: gradients that a MomentumLearner carries on are carried over") {
  const TemporaryFolder folder;
  const std::string half = folder.file("half");
  const Points data(24, 8, 4, true);
  const auto fit = [&](const char* stop_at, const char* resume) {
    set_seed(3);
    const auto model = nn::mlp(3, 4, 2);
    MomentumLearner learn(*model, data.dls, nn::CrossEntropyLoss(), {.lr = 0.05});
    CheckpointCB checkpoint;
    StopAfter stop(4, half);
    if (resume) checkpoint.resume(resume);
    if (stop_at) learn.add(stop);
    learn.add(checkpoint);
    try {
      learn.fit(2);
    } catch (const std::runtime_error&) {
    }
    return bits(*model);
  };
  const std::string whole = fit(nullptr, nullptr), stopped = fit(half.c_str(), nullptr);
  CHECK((stopped != whole));
  CHECK((fit(nullptr, half.c_str()) == whole));
}

TEST_CASE("CheckpointCB: a mock training leaves the file of the real one alone") {
  const TemporaryFolder folder;
  const std::string last = folder.file("last");
  Fit fit({.last = last, .every = 1});
  fit.run();
  const std::string before = file_bytes(last);
  lr_find(*fit.learn, {.max_epochs = 1});
  CHECK((file_bytes(last) == before));
  fit.run();  // it is back
  CHECK((file_bytes(last) != before));
}

TEST_CASE("CheckpointCB: what it cannot do it says before the fit") {
  CHECK_THROWS_WITH_AS(CheckpointCB({.every = -1}),
                       "[checkpoint] every -1 batches: at least 0 expected", Error);
  const TemporaryFolder folder;
  Points data;
  const auto model = nn::mlp(3, 4, 2);
  TrainLearner learn(*model, data.dls, nn::CrossEntropyLoss());
  CheckpointCB best({.best = folder.file("best")});
  learn.add(best);
  CHECK_THROWS_WITH_AS(
      learn.fit(1),
      "[checkpoint] a MetricsCB and validation expected: the best epoch is to be kept", Error);
  CHECK_THROWS_AS(best.resume(folder.file("missing")), Error);
}
