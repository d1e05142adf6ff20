#pragma once

#include <limits>
#include <optional>
#include <string>

#include "learner/learner.h"

namespace kindling {

/// How a value of the MetricsCB is followed from one validation to the next.
struct WatchOptions {
  std::string metric = "loss";  ///< A name in the MetricsCB's rows.
  /// Which values are better. Unless given: smaller ones of "loss", larger ones of everything else.
  std::optional<bool> larger_is_better = {};
  /// A better value is better by this share of the best one's size: PyTorch's threshold_mode "rel",
  /// which for negative values would take a slightly worse one for better.
  double threshold = 1e-4;
  /// So many validations in a row without a better value are borne; the next one is too many, as in
  /// PyTorch.
  int patience = 3;
};

/// Whether larger values of a metric are better: as it is said, or else of everything but "loss".
bool larger_is_better(const std::optional<bool>& said, const std::string& metric);
/// To be called in before_fit. Throws Error, in the name of `who`, when the fit has no MetricsCB,
/// or one without that metric, or does not validate, or has nothing to validate on.
void expect_metric(const Learner& learn, const std::string& metric, const char* who);

/// Counts the validations since the best one.
class Watch {
 public:
  /// `who` is what errors call it. Throws Error for a threshold outside [0, 1) or a negative
  /// patience.
  explicit Watch(WatchOptions options, const char* who = "watch");

  /// To be called in before_fit. Throws Error as expect_metric() does.
  void begin(const Learner& learn);
  /// Takes the latest row of the metrics; says whether patience has run out, and then counts anew.
  /// A value that is no number is not better. One that is `forgiven` takes nothing from patience,
  /// which is whole again behind it.
  bool runs_out(const Learner& learn, bool forgiven = false);
  /// The best value, and the validations since. Loading throws Error when `metric` or
  /// `larger_is_better` are others, or when there were more validations than patience bears.
  void state(Archive& archive);

 private:
  WatchOptions options_;
  bool larger_is_better_;
  const char* who_;
  double best_ = std::numeric_limits<double>::quiet_NaN();
  int bad_ = 0;
};

/// How far a PlateauCB goes, and how fast: PyTorch's names and values.
struct PlateauOptions {
  double min_lr = 0;  ///< The rate is not brought below.
  int cooldown = 0;   ///< So many validations after a reduction none is held against patience.
};

/// Multiplies the rate by `factor` when patience has run out: PyTorch's ReduceLROnPlateau (without
/// its eps, which passes over reductions by less than 1e-8).
class PlateauCB : public Callback {
 public:
  /// Throws Error for a factor outside (0, 1), a min_lr that is negative or no number, a negative
  /// cooldown, and as Watch does.
  explicit PlateauCB(double factor = 0.1, WatchOptions options = {}, PlateauOptions limits = {});

  /// Throws Error as expect_metric() does, and beside a schedule, which would set the rate anew.
  void before_fit(Learner& learn) override;
  void after_epoch(Learner& learn) override;
  std::string state_name() const override { return "plateau"; }
  void state(Archive& archive) override;

 private:
  double factor_;
  PlateauOptions limits_;
  Watch watch_;
  int cooling_ = 0;  ///< Validations that are still forgiven.
};

/// Ends the fit when patience has run out, behind that epoch, which is logged and kept like any
/// other. A fit that goes on from its checkpoint ends before the next.
class EarlyStoppingCB : public Callback {
 public:
  /// Throws Error as Watch does.
  explicit EarlyStoppingCB(WatchOptions options = {});

  void before_fit(Learner& learn) override;
  void before_epoch(Learner& learn) override;
  void after_epoch(Learner& learn) override;
  void cleanup_epoch(Learner& learn) override;
  /// Whether patience ran out in the latest fit.
  bool stopped() const { return stopped_; }
  std::string state_name() const override { return "early_stopping"; }
  void state(Archive& archive) override;

 private:
  Watch watch_;
  bool stopped_ = false;
};

}  // namespace kindling
