#pragma once

#include <chrono>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include "learner/callbacks/metrics_cb.h"
#include "learner/plot/charts.h"

namespace kindling {

/// Where a ProgressCB shows what it sees.
struct ProgressOptions {
  std::FILE* out = stderr;  ///< Where to; null shows nothing and only keeps the losses.
  std::string plot = "";    ///< A PNG file that is redrawn as the training goes on.
};

/// Shows how a fit goes. On a terminal: one line that updates (bar, batch, running loss, images a
/// second, time to go) below an aligned table with a row per pass. Into a file: the table alone, no
/// control characters. Keeps the losses and draws them, live if asked to.
///
/// Takes over the printing of the MetricsCB for as long as the fit lasts.
class ProgressCB : public Callback {
 public:
  /// Finds out whether `out` is a terminal, and from LC_ALL, LC_CTYPE or LANG whether it has more
  /// than ASCII. Does not own `out`.
  explicit ProgressCB(ProgressOptions options = {});

  /// Of the current or latest fit: the training loss of every batch, and the validation loss of
  /// every epoch.
  /// @{
  const std::vector<double>& losses() const { return losses_; }
  const std::vector<plot::LossPoint>& valid_losses() const { return valid_losses_; }
  /// @}
  /// Throws std::runtime_error when the file cannot be written.
  void plot_losses(const std::string& path) const;

  void before_fit(Learner& learn) override;
  void before_epoch(Learner& learn) override;
  void after_batch(Learner& learn) override;
  void after_epoch(Learner& learn) override;
  void cleanup_epoch(Learner& learn) override;
  void cleanup_fit(Learner& learn) override;
  std::string state_name() const override { return "progress"; }
  void state(Archive& archive) override;

 private:
  using Clock = std::chrono::steady_clock;

  void print_row(const MetricsRow& row);
  void draw_bar(const Learner& learn);
  void clear_bar();
  void redraw_plot(const Learner& learn, Clock::duration at_least);

  ProgressOptions options_;
  bool terminal_, unicode_;
  std::vector<double> losses_;
  std::vector<plot::LossPoint> valid_losses_;
  metrics::Mean running_;  ///< Of this pass.
  Index images_ = 0;       ///< In this pass, as far as this process has seen it.
  Index batches_ = 0;      ///< In this fit, both kinds,
  Index before_us_ = 0;    ///< of which so many were done by the process that was interrupted.
  Clock::time_point fit_began_, pass_began_, drawn_, plotted_;
  bool header_printed_ = false, bar_shown_ = false;
  MetricsCB* metrics_ = nullptr;  ///< Whose log is taken over, for as long as the fit lasts.
  std::function<void(const MetricsRow&)> log_before_;
};

/// "1:05", "2:03:09": the time to go, for people.
std::string clock_time(double seconds);

/// A bar `width` cells wide, a share of which is filled.
std::string progress_bar(double share, int width, bool unicode);

}  // namespace kindling
