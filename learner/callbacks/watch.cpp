#include "learner/callbacks/watch.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "engine/error.h"
#include "learner/callbacks/metrics_cb.h"
#include "learner/callbacks/sched_cb.h"

namespace kindling {

bool larger_is_better(const std::optional<bool>& said, const std::string& metric) {
  return said.value_or(metric != "loss");
}

void expect_metric(const Learner& learn, const std::string& metric, const char* who) {
  check<Error>(learn.metrics && learn.validates && learn.dls.valid.size() > 0, who,
               "a MetricsCB and validation expected: its ", metric, " is to be followed");
  learn.metrics->expect(metric, who);
}

Watch::Watch(WatchOptions options, const char* who)
    : options_(std::move(options)),
      larger_is_better_(larger_is_better(options_.larger_is_better, options_.metric)),
      who_(who) {
  check<Error>(options_.threshold >= 0 && options_.threshold < 1 && options_.patience >= 0, who_,
               "threshold ", options_.threshold, ", patience ", options_.patience,
               ": a threshold in [0, 1) and a patience of at least 0 expected");
}

void Watch::begin(const Learner& learn) {
  expect_metric(learn, options_.metric, who_);
  best_ = std::numeric_limits<double>::quiet_NaN();
  bad_ = 0;
}

bool Watch::runs_out(const Learner& learn, bool forgiven) {
  const double value = learn.metrics->history().back()[options_.metric];
  const double margin = std::isfinite(best_) ? options_.threshold * std::abs(best_) : 0;
  const bool better = larger_is_better_ ? value > best_ + margin : value < best_ - margin;
  if (better || (std::isnan(best_) && !std::isnan(value))) {
    best_ = value;
    bad_ = 0;
  } else {
    bad_ = forgiven ? 0 : bad_ + 1;
  }
  return bad_ > options_.patience && (bad_ = 0, true);
}

void Watch::state(Archive& archive) {
  archive.same("metric", options_.metric);
  archive.same("larger_is_better", larger_is_better_);
  archive("best", best_);
  archive("bad", bad_);
  archive.expect(bad_ >= 0 && bad_ <= options_.patience, "bad",
                 str("0 to ", options_.patience, " validations"));
}

PlateauCB::PlateauCB(double factor, WatchOptions options, PlateauOptions limits)
    : Callback(callback_order::kBehindMetrics),
      factor_(factor),
      limits_(limits),
      watch_(std::move(options), "plateau") {
  check<Error>(factor > 0 && factor < 1, "plateau", "factor ", factor, ": in (0, 1) expected");
  check<Error>(limits.min_lr >= 0 && limits.cooldown >= 0, "plateau", "min_lr ", limits.min_lr,
               ", cooldown ", limits.cooldown, ": numbers of at least 0 expected");
}

void PlateauCB::before_fit(Learner& learn) {
  if (learn.rehearses) return;
  for (const Callback* cb : learn.callbacks())
    check<Error>(!dynamic_cast<const BatchSchedCB*>(cb) && !dynamic_cast<const EpochSchedCB*>(cb),
                 "plateau", "a schedule sets the rate, and would undo what this does: one of the ",
                 "two expected");
  watch_.begin(learn);
  cooling_ = 0;
}

void PlateauCB::after_epoch(Learner& learn) {
  if (learn.training || learn.rehearses) return;
  const bool out = watch_.runs_out(learn, cooling_ > 0);
  cooling_ = std::max(cooling_ - 1, 0);
  if (!out) return;
  const double lr = learn.opt->lr();  // which may be below min_lr, and does not rise
  learn.opt->set_lr(std::min(lr, std::max(lr * factor_, limits_.min_lr)));
  cooling_ = limits_.cooldown;
}

void PlateauCB::state(Archive& archive) {
  watch_.state(archive);
  archive("cooling", cooling_);
  archive.expect(cooling_ >= 0 && cooling_ <= limits_.cooldown, "cooling",
                 str("0 to ", limits_.cooldown, " validations"));
}

EarlyStoppingCB::EarlyStoppingCB(WatchOptions options)
    : Callback(callback_order::kBehindMetrics), watch_(std::move(options), "early_stopping") {}

void EarlyStoppingCB::before_fit(Learner& learn) {
  if (learn.rehearses) return;
  watch_.begin(learn);
  stopped_ = false;
}

void EarlyStoppingCB::before_epoch(Learner& learn) {
  if (stopped_ && !learn.rehearses) throw CancelFit();
}

void EarlyStoppingCB::cleanup_epoch(Learner& learn) {
  const bool last = learn.epoch + 1 == learn.n_epochs;  // which ends by itself
  if (stopped_ && !learn.training && !learn.rehearses && !last) throw CancelFit();
}

void EarlyStoppingCB::after_epoch(Learner& learn) {
  if (!learn.training && !learn.rehearses && watch_.runs_out(learn)) stopped_ = true;
}

void EarlyStoppingCB::state(Archive& archive) {
  watch_.state(archive);
  archive("stopped", stopped_);
}

}  // namespace kindling
