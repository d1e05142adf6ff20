#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "learner/learner.h"
#include "learner/metrics.h"

namespace kindling {

/// What one pass over the training or validation data came to.
struct MetricsRow {
  int epoch = 0;                                       ///< From 0.
  bool train = true;                                   ///< Of training; false: of validation.
  std::vector<std::pair<std::string, double>> values;  ///< "loss" first, then the named metrics.
  double seconds = 0;                                  ///< Of the pass, by MetricsCB::clock.

  /// "train" or "valid".
  const char* split() const { return train ? "train" : "valid"; }
  /// Throws Error when there is no value of that name.
  double operator[](const std::string& name) const;
};

/// Named metrics and the loss, gathered over every pass: reset before an epoch, logged after it.
/// Means are weighted by batch size, so a short last batch counts for what it is.
class MetricsCB : public Callback {
 public:
  MetricsCB() = default;

  /// metrics_cb.add<metrics::Accuracy>("accuracy"). Throws Error for a name that is empty, taken or
  /// that of another column ("loss", "epoch", "split", "seconds"), or has a comma or line end in
  /// it.
  template <class M, class... Args>
  M& add(const std::string& name, Args&&... args) {
    check_name(name);
    auto metric = std::make_unique<M>(std::forward<Args>(args)...);
    M& reference = *metric;
    metrics_.emplace_back(name, std::move(metric));
    return reference;
  }

  /// "loss", and the others as they were added.
  std::vector<std::string> names() const;
  /// Throws Error, in the name of `who`, when there is no such metric.
  void expect(const std::string& name, const char* who) const;

  /// The rows of the current or latest fit.
  const std::vector<MetricsRow>& history() const { return history_; }
  /// The same as a table: `epoch,split,loss,<metrics>,seconds`.
  std::string csv() const;
  /// The row of the pass that has just ended, also in a rehearsal, of which history() keeps none.
  /// Throws Error while there is none: who asks in after_epoch comes behind the MetricsCB.
  const MetricsRow& latest() const;

  /// Seconds since any fixed moment.
  std::function<double()> clock = steady_seconds;
  /// What happens to a finished row; prints it to stdout unless somebody takes over.
  std::function<void(const MetricsRow&)> log = print;

  /// Throws Error when the fit has another MetricsCB.
  void before_fit(Learner& learn) override;
  void before_epoch(Learner& learn) override;
  void after_batch(Learner& learn) override;
  void after_epoch(Learner& learn) override;
  void cleanup_fit(Learner& learn) override;
  std::string state_name() const override { return "metrics"; }
  void state(Archive& archive) override;

 private:
  static double steady_seconds();
  void history_state(Archive& archive);
  static void print(const MetricsRow& row);
  void check_name(const std::string& name) const;

  std::vector<std::pair<std::string, std::unique_ptr<metrics::Metric>>> metrics_;
  metrics::Mean loss_;
  double began_ = 0;  ///< By the clock.
  std::vector<MetricsRow> history_;
  std::optional<MetricsRow> latest_;
};

}  // namespace kindling
