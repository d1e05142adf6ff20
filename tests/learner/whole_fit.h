#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "data/synthetic.h"
#include "learner/callbacks/activation_stats.h"
#include "learner/callbacks/checkpoint_cb.h"
#include "learner/callbacks/ema_cb.h"
#include "learner/callbacks/gradients.h"
#include "learner/callbacks/max_time.h"
#include "learner/callbacks/progress.h"
#include "learner/callbacks/recorder_cb.h"
#include "learner/callbacks/report_cb.h"
#include "learner/callbacks/sched_cb.h"
#include "learner/callbacks/update_stats.h"
#include "learner/callbacks/watch.h"
#include "nn/layers.h"
#include "nn/loss.h"
#include "nn/models.h"
#include "tests/learner/fits.h"

namespace kindling::test {

inline const SyntheticOptions kSmall{.height = 8, .width = 8};

/// A fit with all that has a state: shuffled rows, dropout, batch norm, AdamW, one cycle, averaged
/// weights, gradients of several batches, patience, metrics, statistics. Two epochs of 20 batches,
/// and 3 of validation.
struct WholeFit {
  explicit WholeFit(CheckpointOptions options, std::uint64_t seed = 1, Index widths = 4)
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
    recorder.add("lr", [](const Learner& l) { return l.opt->lr(); });
    limit.clock = [] { return 0.0; };
    metrics.clock = [] { return 0.0; };  // the one thing that no two runs have in common
    learn.emplace(
        model, DataLoaders{DataLoader(train, 8, true), DataLoader(valid, 16)},
        nn::CrossEntropyLoss(),
        LearnerOptions{.cbs = {&metrics, &progress, &stats, &schedule, &ema, &recorder,
                               &accumulation, &stopping, &updates, &limit, &report, &checkpoint},
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
  EmaCB ema{0.8};
  RecorderCB recorder;
  GradientAccumulationCB accumulation{3};
  EarlyStoppingCB stopping;
  UpdateStats updates;
  MaxTimeCB limit{1};
  ReportCB report{{.path = "", .activations = &stats, .updates = &updates}};
  CheckpointCB checkpoint;
  std::optional<TrainLearner> learn;
};

/// Throws out of the fit after so many batches of both kinds, once they are saved.
struct StopAfter : Callback {
  int left;
  std::string path;
  StopAfter(int batches, std::string file)
      : Callback(callback_order::kCheckpoint), left(batches), path(std::move(file)) {}
  void after_batch(Learner& learn) override {
    if (--left > 0) return;
    save_checkpoint(path, learn, learn.next());
    throw std::runtime_error("pulled the plug");
  }
};

}  // namespace kindling::test
