#pragma once

#include <exception>
#include <limits>
#include <string>

#include "engine/archive.h"
#include "engine/scalar.h"

namespace kindling {

inline namespace KINDLING_PRECISION {
class Learner;
}

/// Where the callbacks of this library stand among those that hear of an event; one's own stand at
/// 0 unless they say otherwise.
namespace callback_order {
inline constexpr int kAverage = -50;      ///< EmaCB: behind the step, before anybody looks.
inline constexpr int kFindRate = -20;     ///< LRFinderCB.
inline constexpr int kGuard = -10;        ///< TerminateOnNaN: a loss that is lost ends it all.
inline constexpr int kGather = -5;        ///< GradientAccumulationCB: what was gathered is clipped.
inline constexpr int kUsual = 0;          ///< MetricsCB, schedules, transforms, hooks, ...
inline constexpr int kProgress = 1;       ///< ProgressCB.
inline constexpr int kClip = 5;           ///< GradientClipCB.
inline constexpr int kBehindMetrics = 5;  ///< What reads a new row: loggers, patience, ReportCB.
inline constexpr int kLive = 6;           ///< LiveCB: what the ReportCB has.
inline constexpr int kMix = 10;           ///< MixUp, CutMix: images as the model would see them.
inline constexpr int kUpdates = 20;       ///< UpdateStats: gradients as the step takes them.
inline constexpr int kSingleBatch = 100;  ///< Behind those that want to see that batch.
inline constexpr int kCheckpoint = std::numeric_limits<int>::max();  ///< All is done that is saved.
}  // namespace callback_order

/// Something that watches or steers a fit. Every event is a virtual method that does nothing unless
/// overridden. This is the loop, each event in its place:
///
///     before_fit
///     for each epoch, for training and then (without gradients) for validation:
///       before_epoch
///       for each batch:
///         before_batch
///         predict                 learn.preds is set
///         after_predict
///         get_loss                learn.loss is set
///         after_loss
///         if training:
///           backward
///           after_backward        CancelStep skips the next three
///           step                  the parameters change
///           after_step
///           zero_grad
///         after_batch
///         cleanup_batch           always
///       after_epoch
///       cleanup_epoch             always
///     after_fit
///     cleanup_fit                 always
///
/// A callback cancels by throwing: CancelBatch, CancelEpoch or CancelFit skips to the cleanup of
/// that scope, past its after_ event, and the loop goes on behind it; CancelStep, from
/// after_backward on, skips what is left of the step. Any other exception, and a
/// cancellation outside the scope it names, ends the fit: the cleanups run and it goes on to the
/// caller. What a callback must undo it undoes in a cleanup event, which also runs when its before_
/// event did not. An error that a cleanup throws reaches the caller too, and outranks a
/// cancellation.
///
/// A rehearsal (learn.rehearses) is a fit that only tries something out: lr_find, capture_preds. A
/// callback that changes batches or gradients, or shows progress, does so as ever; but nobody keeps
/// anything, neither files nor histories nor averages, and the rate is left alone.
///
/// For each event, the cleanups too, the callbacks are called by ascending `order`, those of equal
/// order as they were added. A Learner refers to its callbacks and does not own them.
class Callback {
 public:
  /// `order`: its place among those that hear of the same event; see callback_order.
  explicit Callback(int order = callback_order::kUsual) : order(order) {}
  virtual ~Callback() = default;
  const int order;  ///< Smaller comes first.

  /// An event, called where the loop above has it. May throw, to cancel or to fail.
  /// @{
  virtual void before_fit(Learner&) {}
  virtual void before_epoch(Learner&) {}
  virtual void before_batch(Learner&) {}
  virtual void after_predict(Learner&) {}
  virtual void after_loss(Learner&) {}
  virtual void after_backward(Learner&) {}
  virtual void after_step(Learner&) {}
  virtual void after_batch(Learner&) {}
  virtual void after_epoch(Learner&) {}
  virtual void after_fit(Learner&) {}
  virtual void cleanup_batch(Learner&) {}
  virtual void cleanup_epoch(Learner&) {}
  virtual void cleanup_fit(Learner&) {}
  /// @}

  /// One of the five steps, for a Learner that does not do them itself: see TrainCB.
  /// @{
  virtual void predict(Learner&) {}
  virtual void get_loss(Learner&) {}
  virtual void backward(Learner&) {}
  virtual void step(Learner&) {}
  virtual void zero_grad(Learner&) {}
  /// @}

  /// A callback that must remember something in the middle of a fit names and archives it, so that
  /// a fit that is interrupted can go on (CheckpointCB). Loading comes after before_fit, and in the
  /// middle of a pass again after the first before_epoch.
  virtual std::string state_name() const { return ""; }
  /// Hands over what it must remember, to be written or to be read again. A checkpoint is written
  /// before the cleanups: what they are still to undo must be remembered too.
  virtual void state(Archive&) {}

 protected:
  // Callbacks are referred to by address; a copy would be a different callback.
  Callback(const Callback&) = delete;
  Callback& operator=(const Callback&) = delete;
};

/// One of the methods above.
using Event = void (Callback::*)(Learner&);

/// Thrown by a callback: one of the four below.
struct Cancel : std::exception {
  /// Read when it is thrown where there is nothing to skip.
  const char* what() const noexcept override = 0;
};
/// Skips the rest of this step. The gradients stay, and those of the next batch are added to them
/// (as GradientAccumulationCB wants it): learn.opt->zero_grad() drops them.
struct CancelStep : Cancel {
  const char* what() const noexcept override { return "CancelStep thrown outside of a step"; }
};
/// Skips the rest of this batch; behind its backward pass the gradients stay, as for CancelStep.
struct CancelBatch : Cancel {
  const char* what() const noexcept override { return "CancelBatch thrown outside of a batch"; }
};
/// Skips the rest of this pass: that of training, or of validation.
struct CancelEpoch : Cancel {
  const char* what() const noexcept override { return "CancelEpoch thrown outside of an epoch"; }
};
/// Skips the rest of this fit.
struct CancelFit : Cancel {
  const char* what() const noexcept override { return "CancelFit thrown outside of a fit"; }
};

}  // namespace kindling
