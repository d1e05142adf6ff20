#pragma once

#include <optional>
#include <stdexcept>
#include <string>

#include "learner/callbacks/activation_stats.h"
#include "learner/callbacks/checkpoint_cb.h"
#include "learner/callbacks/ema_cb.h"
#include "learner/callbacks/gradients.h"
#include "learner/callbacks/max_time.h"
#include "learner/callbacks/metrics_cb.h"
#include "learner/callbacks/progress.h"
#include "learner/callbacks/update_stats.h"
#include "learner/callbacks/watch.h"
#include "nn/layers.h"
#include "nn/loss.h"
#include "nn/norm.h"
#include "tests/learner/fits.h"

namespace kindling::test {

/// A fit with some of everything that a checkpoint holds (shuffled rows, batch norm, AdamW,
/// averaged weights, gradients of several batches, patience, a limit of time, metrics, losses,
/// statistics), small enough to be saved and restored a million times: two epochs of three batches
/// and two of validation. Two of the same seed and width have the same checkpoints, byte for byte.
struct SmallFit {
  explicit SmallFit(std::uint64_t seed = 1, Index width = 4) {
    set_seed(seed);
    model.add(nn::make<nn::Linear>(3, width));
    model.add(nn::make<nn::BatchNorm1d>(width));
    model.add(nn::make<nn::Linear>(width, 2));
    metrics.add<metrics::Accuracy>("accuracy");
    metrics.add<metrics::F1>("f1", 2, metrics::Average::macro);
    metrics.clock = [] { return 0.0; };
    metrics.log = nullptr;
    limit.clock = [] { return 0.0; };
    learn.emplace(model, data.dls, nn::CrossEntropyLoss(),
                  LearnerOptions{.cbs = {&metrics, &progress, &stats, &ema, &accumulation, &plateau,
                                         &stopping, &limit, &updates, &checkpoint, &watch},
                                 .opt_func = optimizer<nn::AdamW>()});
  }

  /// Trains on, from where `checkpoint` begins, and stops behind so many batches; 0: before the
  /// first. Returns false when the fit ended before that.
  bool run(int batches) {
    left_ = batches;
    try {
      learn->fit(2);
    } catch (const Enough&) {
      return true;
    }
    return false;
  }
  /// Behind the cleanups of run(), which leave all as it was, but for the weights that the EmaCB
  /// shows in validation: to go on with those, save behind a batch of training.
  void save(const std::string& path) { save_checkpoint(path, *learn, at); }
  /// Throws Error as the checkpoint does.
  bool restore(Checkpoint from, int batches = 0) {
    checkpoint.resume(std::move(from));
    return run(batches);
  }

  Points data{12, 8, 4, true};
  nn::Sequential model;
  MetricsCB metrics;
  ProgressCB progress{{.out = nullptr}};
  ActivationStats stats{only<nn::Linear>};
  EmaCB ema{0.8};
  GradientAccumulationCB accumulation{1};  // gathers nothing: every batch makes a step
  PlateauCB plateau{0.5, {}, {.cooldown = 2}};
  EarlyStoppingCB stopping;
  MaxTimeCB limit{1};
  UpdateStats updates;
  CheckpointCB checkpoint;
  std::optional<TrainLearner> learn;
  Position at;  ///< Where run() stopped.

 private:
  struct Enough {};
  void look(const std::string& event) {
    const bool before = event == "before_batch" && left_ == 0;
    if (!before && (event != "after_batch" || --left_ > 0)) return;
    at = {learn->epoch, learn->training, learn->iter + (before ? 0 : 1), learn->order};
    throw Enough();
  }
  int left_ = 0;

 public:
  OnEvent watch{[this](const std::string& event, Learner&) { look(event); },
                callback_order::kCheckpoint};
};

}  // namespace kindling::test
