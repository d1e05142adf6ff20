#pragma once

#include <filesystem>
#include <limits>
#include <optional>
#include <string>

#include "learner/callbacks/activation_stats.h"
#include "learner/callbacks/checkpoint_cb.h"
#include "learner/callbacks/csv_logger.h"
#include "learner/callbacks/jsonl_logger.h"
#include "learner/callbacks/live_cb.h"
#include "learner/callbacks/metrics_cb.h"
#include "learner/callbacks/progress.h"
#include "learner/callbacks/report_cb.h"
#include "learner/callbacks/tensorboard_cb.h"
#include "learner/callbacks/terminate_on_nan.h"
#include "learner/callbacks/update_stats.h"
#include "learner/examples/fashion_mnist/options.h"
#include "learner/examples/fashion_mnist/pictures.h"

namespace kindling {

/// The first training batch, changed as the recipe changes it, as a picture; of a fit that goes on
/// where there is no picture yet, its first.
class ShowBatchCB : public Callback {
 public:
  ShowBatchCB(std::string path, const ImageDataset& images)
      : Callback(std::numeric_limits<int>::max() - 1), path_(std::move(path)), images_(images) {}
  void before_batch(Learner& learn) override;

 private:
  std::string path_;
  const ImageDataset& images_;
  bool done_ = false;
};

/// Everything that watches a training, and draws what it saw into a folder.
class Watchers {
 public:
  /// `beginning` is the page before the fit. `live`, if there is one, shows it in between.
  /// `number`: which model of an ensemble, from 1; 0 when there is only one. `more`: another one
  /// follows.
  Watchers(const Options& options, const Settings& settings, std::filesystem::path folder,
           const ImageDataset& images, Report beginning, int number, LiveServer* live = nullptr,
           bool more = false);
  Watchers(const Watchers&) = delete;

  /// The next fit of this learner goes on from the checkpoint, if there is one. `logs`: its tables
  /// are written.
  void join(Learner& learn, const std::optional<Checkpoint>& resume, bool logs = true);
  /// The progress display is of the training, not of what follows.
  void end(Learner& learn) { learn.remove(progress_); }

  /// All that was seen, and what the model says of the images that judge it.
  void draw(const Judged& judged) const;
  std::string page() const { return file("report.html"); }

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
  LiveServer* server_;
  bool more_;
  std::optional<LiveCB> live_;
  std::optional<TensorBoardCB> board_;
};

}  // namespace kindling
