#pragma once

#include <chrono>
#include <functional>

#include "engine/error.h"
#include "learner/learner.h"

namespace kindling {

/// Ends a fit when its time is up: training is left before the next batch, what has been trained is
/// validated, and the fit is cancelled. A fit that goes on from a checkpoint has what is left of
/// the time. The training pass that was left has no row in the metrics. A checkpoint is written
/// after the validation that follows it (and as CheckpointOptions::every says); a fit with more
/// time that goes on from there begins with the next epoch.
class MaxTimeCB : public Callback {
 public:
  /// Throws Error for seconds that are negative or not a number.
  explicit MaxTimeCB(double seconds) : seconds_(seconds) {
    check<Error>(seconds >= 0, "max_time", seconds, " seconds: a number of at least 0 expected");
  }

  /// Seconds since any fixed moment.
  std::function<double()> clock = [] {
    using namespace std::chrono;
    return duration<double>(steady_clock::now().time_since_epoch()).count();
  };
  /// Whether time ran out in the latest fit.
  bool stopped() const { return stopped_; }

  void before_fit(Learner& learn) override {
    if (learn.rehearses) return;
    began_ = clock();
    stopped_ = false;
  }
  void before_epoch(Learner& learn) override {
    const bool begins = learn.iter == 0 && learn.epoch > 0;  // and is not gone on with
    if (!learn.training || learn.rehearses || !begins || !up()) return;
    stopped_ = true;
    throw CancelFit();
  }
  void before_batch(Learner& learn) override {
    if (!learn.training || learn.rehearses || !up()) return;
    stopped_ = true;
    throw CancelEpoch();
  }
  /// Behind the validation, or behind the training where there is none.
  void cleanup_epoch(Learner& learn) override {
    if (stopped_ && !learn.rehearses && (!learn.training || !learn.validates)) throw CancelFit();
  }
  std::string state_name() const override { return "max_time"; }
  void state(Archive& archive) override {
    double spent = clock() - began_;
    archive("spent", spent);
    archive.expect(spent >= 0, "spent", "a number of at least 0");
    if (archive.loading()) began_ = clock() - spent;
  }

 private:
  bool up() const { return clock() - began_ >= seconds_; }

  double seconds_, began_ = 0;
  bool stopped_ = false;
};

}  // namespace kindling
