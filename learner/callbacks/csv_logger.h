#pragma once

#include <string>
#include <utility>

#include "engine/error.h"
#include "learner/callbacks/metrics_cb.h"
#include "learner/files/atomic_file.h"
#include "learner/learner.h"

namespace kindling {

/// Writes the table of the MetricsCB to a file after every pass, and when the fit is over, however
/// it ended; whole or not at all. Columns: epoch (from 0), split (train or valid), loss, the
/// metrics, seconds.
class CSVLoggerCB : public Callback {
 public:
  /// A file that is there already is replaced, by the first pass: a fit that cannot begin leaves
  /// it.
  explicit CSVLoggerCB(std::string path)
      : Callback(callback_order::kBehindMetrics), path_(std::move(path)) {}

  /// Throws Error when the fit has no MetricsCB.
  void before_fit(Learner& learn) override {
    metrics_ = nullptr;
    has_begun_ = false;
    if (learn.rehearses) return;
    check<Error>(learn.metrics, "csv_logger", "a MetricsCB expected: its table is to be written");
    metrics_ = learn.metrics;
  }
  void before_epoch(Learner&) override { has_begun_ = true; }
  void after_fit(Learner&) override { has_begun_ = true; }  // of no epochs, it may be
  /// Both throw std::runtime_error when the file cannot be written.
  void after_epoch(Learner&) override { write(metrics_); }
  void cleanup_fit(Learner& learn) override {
    const MetricsCB* metrics = std::exchange(metrics_, nullptr);
    if (has_begun_ || learn.start) write(metrics);  // start: it goes on, and has rows from before
  }

 protected:
  /// All that is in the file.
  virtual std::string text(const MetricsCB& metrics) const { return metrics.csv(); }

 private:
  void write(const MetricsCB* metrics) const {
    if (metrics) write_file_atomically(path_, text(*metrics));
  }

  std::string path_;
  const MetricsCB* metrics_ = nullptr;  ///< Of the current fit, unless it rehearses.
  bool has_begun_ = false;
};

}  // namespace kindling
