#pragma once

#include <string>
#include <vector>

#include "learner/learner.h"
#include "learner/plot/charts.h"

namespace kindling {

/// Watches how weights change: for every step and every weight of two axes or more, the norm of the
/// gradient that the step is taken with (gathered and clipped, if that is done), and the norm of
/// the step divided by that of the weight, which is no number where the weight was all zeros. With
/// SGD or Adam about 1e-3 is usual for the latter, with Muon it is the same for all weights and
/// follows the rate; a layer far below the others hardly learns, one far above them forgets.
///
/// Costs a copy of the weights each step, and three walks through them.
class UpdateStats : public Callback {
 public:
  UpdateStats();
  /// A line a weight, by its path.
  const std::vector<plot::UpdateSeries>& series() const { return series_; }
  /// Throws std::runtime_error when the file cannot be written.
  void plot(const std::string& path) const { plot::update_stats(path, series_); }

  void before_fit(Learner& learn) override;
  void after_backward(Learner& learn) override;
  void after_step(Learner& learn) override;
  void cleanup_batch(Learner&) override { before_.clear(); }
  void cleanup_fit(Learner&) override { weights_.clear(); }
  std::string state_name() const override { return "update_stats"; }
  void state(Archive& archive) override;

 private:
  std::vector<Tensor> weights_;
  std::vector<Array> before_;  ///< The step.
  std::vector<plot::UpdateSeries> series_;
};

}  // namespace kindling
