#pragma once

#include <string>
#include <utility>

#include "engine/error.h"
#include "learner/callbacks/metrics_cb.h"
#include "learner/files/atomic_file.h"
#include "learner/learner.h"

namespace kindling {

/// Writes the table of the MetricsCB to a file after every pass and after the fit (which had none,
/// if it went on where all was done), whole or not at all.
class CSVLoggerCB : public Callback {
 public:
  explicit CSVLoggerCB(std::string path) : Callback(kBehindMetrics), path_(std::move(path)) {}

  /// Throws Error when the fit has no MetricsCB.
  void before_fit(Learner& learn) override {
    check<Error>(learn.rehearses || learn.metrics, "csv_logger",
                 "a MetricsCB expected: its table is to be written");
  }
  /// Both throw std::runtime_error when the file cannot be written.
  void after_epoch(Learner& learn) override { write(learn); }
  void after_fit(Learner& learn) override { write(learn); }

 private:
  void write(const Learner& learn) const {
    if (!learn.rehearses) write_file_atomically(path_, learn.metrics->csv());
  }

  static constexpr int kBehindMetrics = 5;
  std::string path_;
};

}  // namespace kindling
