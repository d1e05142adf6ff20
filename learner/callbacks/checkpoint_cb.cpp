#include "learner/callbacks/checkpoint_cb.h"

#include <cmath>
#include <filesystem>
#include <limits>
#include <set>
#include <string>
#include <system_error>
#include <utility>

#include "engine/error.h"
#include "learner/callbacks/metrics_cb.h"
#include "learner/callbacks/watch.h"
#include "learner/stop_signals.h"

namespace kindling {

CheckpointCB::CheckpointCB(CheckpointOptions options)
    : Callback(callback_order::kCheckpoint),
      options_(std::move(options)),
      larger_is_better_(larger_is_better(options_.larger_is_better, options_.metric)) {
  check<Error>(options_.every >= 0, "checkpoint", "every ", options_.every,
               " batches: at least 0 expected");
}

void CheckpointCB::resume(const std::string& path) { resume(Checkpoint(path)); }

void CheckpointCB::before_fit(Learner& learn) {
  if (learn.rehearses) return;
  best_ = std::numeric_limits<double>::quiet_NaN();
  if (!options_.best.empty()) expect_metric(learn, options_.metric, "checkpoint");
  check_names(options_.settings, learn);
  std::set<std::string> names;
  for (const Callback* cb : learn.callbacks())
    check<Error>(cb->state_name().empty() || names.insert(cb->state_name()).second, "checkpoint",
                 "two callbacks have the state_name() '", cb->state_name(), "': one expected");
  if (resume_) {
    resume_->restore(learn, options_.settings);
    if (!options_.best.empty()) bring_best();
  }
  in_hand_ = restored_ = resume_.has_value();
}

/// In the middle of a pass the callbacks, which have just made ready for a new one, get back what
/// they had gathered. At its beginning they have nothing to get back.
void CheckpointCB::before_epoch(Learner& learn) {
  const bool first = std::exchange(in_hand_, false);
  if (first && learn.start->batch > 0) resume_->restore_callbacks(learn);
}

void CheckpointCB::after_batch(Learner& learn) {
  const Position next = learn.next();
  stop_if_asked(learn, next);
  if (learn.rehearses) return;
  const Index done = learn.epoch * learn.dls.train.size() + next.batch;
  if (!options_.last.empty() && learn.training && options_.every > 0 && done % options_.every == 0)
    save_checkpoint(options_.last, learn, next, options_.settings);
}

void CheckpointCB::after_epoch(Learner& learn) {
  if ((learn.training && learn.validates) || learn.rehearses) return;
  const Position next{learn.epoch + 1};
  if (!options_.best.empty()) keep_best(learn, next);
  if (!options_.last.empty()) save_checkpoint(options_.last, learn, next, options_.settings);
}

void CheckpointCB::cleanup_fit(Learner& learn) {
  if (learn.rehearses) return;
  if (std::exchange(restored_, false)) resume_.reset();
  in_hand_ = false;  // where the fit was cancelled before its first pass
}

void CheckpointCB::keep_best(Learner& learn, const Position& next) {
  const double value = learn.metrics->history().back()[options_.metric];
  const bool better = larger_is_better_ ? value > best_ : value < best_;
  if (std::isnan(value) || !(better || std::isnan(best_))) return;
  best_ = value;
  save_checkpoint(options_.best, learn, next, options_.settings);
}

/// The best epoch so far was written beside the checkpoint, and that may be in another folder.
void CheckpointCB::bring_best() const {
  const auto is_of_this_fit = [&](const std::filesystem::path& path) {
    try {
      return Checkpoint(path).settings() == resume_->settings();
    } catch (const Error&) {
      return false;  // there is none, or something else
    }
  };
  const std::filesystem::path here = options_.best;
  const std::filesystem::path there = resume_->path().parent_path() / here.filename();
  std::error_code there_is_none;
  if (std::isnan(best_) || std::filesystem::equivalent(here, there, there_is_none)) return;
  if (is_of_this_fit(there)) write_safetensors(here, read_safetensors(there));
}

void CheckpointCB::stop_if_asked(Learner& learn, const Position& next) {
  const int signal = StopSignals::received();
  if (signal == 0) return;
  if (learn.rehearses) throw Stopped(signal, "");
  if (!options_.last.empty()) save_checkpoint(options_.last, learn, next, options_.settings);
  throw Stopped(signal, options_.last);
}

void CheckpointCB::state(Archive& archive) {
  archive("best", best_);
  const std::string ours = str(options_.metric, larger_is_better_ ? " up" : " down");
  std::string measure = ours;
  archive("measure", measure);
  if (measure != ours) best_ = std::numeric_limits<double>::quiet_NaN();  // of something else
}

}  // namespace kindling
