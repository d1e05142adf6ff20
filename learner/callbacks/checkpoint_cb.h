#pragma once

#include <optional>
#include <string>

#include "learner/files/checkpoint.h"
#include "learner/learner.h"

namespace kindling {

/// What a CheckpointCB writes, and when.
struct CheckpointOptions {
  std::string last = "";        ///< File that is written after every epoch. Empty: none.
  Index every = 0;              ///< It is written every so many training batches too. 0: not.
  std::string best = "";        ///< File of the epoch whose validation was the best. Empty: none.
  std::string metric = "loss";  ///< What is judged by: a value of the MetricsCB's rows.
  /// Which values are better. Unless given: smaller ones of "loss", larger ones of everything else.
  std::optional<bool> larger_is_better = {};
  /// What must be the same when the fit goes on, beside what Checkpoint::settings() adds, whose
  /// names are taken.
  Settings settings = {};
};

/// Keeps a fit on disk as it goes on, and goes on with one that was interrupted.
///
///     CheckpointCB checkpoint({.last = "last.safetensors", .every = 100});
///     if (resume) checkpoint.resume("last.safetensors");
///     learn.add(checkpoint);
///     learn.fit(3);
///
/// Every fit has a best epoch of its own, and writes both files anew, also one that only validates
/// (unless it rehearses). One that goes on in another folder brings the best of its earlier epochs
/// along from beside the checkpoint. To go on with the best weights:
///
///     load_state_dict(model, read_weights("best.safetensors"));
///
/// While a StopSignals lives, Ctrl-C finishes the batch, writes `last` and leaves the fit by
/// throwing Stopped.
class CheckpointCB : public Callback {
 public:
  /// Throws Error when `every` is negative.
  explicit CheckpointCB(CheckpointOptions options = {});

  /// The next fit that gets as far begins where this checkpoint stands. Throws Error for a file
  /// that is none.
  void resume(const std::string& path);
  /// The same of one that was read already.
  void resume(Checkpoint checkpoint) { resume_ = std::move(checkpoint); }

  void before_fit(Learner& learn) override;
  void before_epoch(Learner& learn) override;
  void after_batch(Learner& learn) override;
  void after_epoch(Learner& learn) override;
  void cleanup_fit(Learner& learn) override;
  std::string state_name() const override { return "checkpoint"; }
  void state(Archive& archive) override;

 private:
  void keep_best(Learner& learn, const Position& next);
  void bring_best() const;
  void stop_if_asked(Learner& learn, const Position& next);

  CheckpointOptions options_;
  bool larger_is_better_;
  std::optional<Checkpoint> resume_;
  bool in_hand_ = false;  ///< resume_ was restored in before_fit, and may be again in before_epoch.
  bool restored_ = false;  ///< By this fit.
  double best_ = 0;        ///< NaN: none yet.
};

}  // namespace kindling
