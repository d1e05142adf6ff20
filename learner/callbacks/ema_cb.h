#pragma once

#include <vector>

#include "learner/learner.h"

namespace kindling {

/// Keeps a running mean of the weights and validates with it: an average of the last steps is a
/// better model than the last step (Polyak and Juditsky, 1992). After every step t
///
///     average = d average + (1 - d) weight,   d = min(decay, (1 + t) / (10 + t))
///
/// for all parameters, and for buffers that are not counters (which have no axis). During a
/// validation pass the model holds the average, afterwards its own weights again. A checkpoint that
/// is written at the end of an epoch, behind its validation, therefore has the average as the
/// model's weights, which are those that were judged, and the model's own beside them. Every fit
/// that trains begins an average of its own. One that does not, and capture_preds(), judge by the
/// average of the latest fit, unless the weights have changed since then.
///
/// The average is kept in Scalars: in float, what lies within 6e-8 / (1 - d) of it (relative to its
/// size; 6e-4 for d = 0.9999) is lost to rounding, and the largest d below 1 is 1 - 6e-8.
class EmaCB : public Callback {
 public:
  /// Throws Error for a decay outside [0, 1), also where it is 1 as a Scalar.
  explicit EmaCB(double decay = 0.99);

  /// Throws Error when there is another one, with whose weights it would exchange its own.
  void before_fit(Learner& learn) override;
  void before_epoch(Learner& learn) override;
  void after_step(Learner& learn) override;
  void cleanup_epoch(Learner&) override { show(false); }
  void cleanup_fit(Learner& learn) override;
  /// Gives the model of the latest fit the average for good.
  void keep();

  std::string state_name() const override { return "ema"; }
  void state(Archive& archive) override;

 private:
  void show(bool average);
  bool as_left(const Learner& learn) const;

  double decay_;
  std::vector<Tensor> model_;  ///< Parameters, and behind them buffers.
  std::size_t parameters_ = 0;
  std::vector<Array> other_;  ///< The averages; the model's own weights while those are shown.
  std::vector<Array> left_;   ///< The model's own weights at the end of the latest fit.
  bool shown_ = false;
  bool fits_ = false;  ///< Between before_fit and cleanup_fit, of which the former may not come.
  Index steps_ = 0;
};

}  // namespace kindling
