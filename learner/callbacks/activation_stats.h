#pragma once

#include <string>
#include <vector>

#include "learner/callbacks/hooks_callback.h"
#include "learner/plot/canvas.h"

namespace kindling {

/// What passed through one layer, batch by batch. All are rounded to Scalars, as which they are
/// kept when a fit is interrupted.
struct LayerStats {
  std::vector<double> means;  ///< One a batch: of the activations themselves, signs and all.
  std::vector<double> stds;   ///< Likewise.
  std::vector<std::vector<double>> histograms;  ///< Of |activation|: ActivationStats::kBins counts.
};

/// Appends mean, standard deviation and histogram of one output.
void append_stats(LayerStats& stats, const Tensor& y);

/// Looks inside a model while it trains: mean and standard deviation of the activations of the
/// layers the predicate picks, and a histogram of their absolute values, for every batch; and draws
/// them.
class ActivationStats : public HooksCallback<LayerStats> {
 public:
  static constexpr int kBins = 40;      ///< Of equal width.
  static constexpr Scalar kRange = 10;  ///< The histogram covers [0, kRange]; more is not counted.

  /// Watches the modules that `pick` chooses, such as only<nn::Conv2d>, in the passes that are on.
  /// Throws Error for an empty predicate.
  explicit ActivationStats(ModulePredicate pick, bool on_train = true, bool on_valid = false);

  std::string state_name() const override { return "activation_stats"; }
  void state(Archive& archive) override;

  /// Histograms over time as coloured columns, a panel a layer. All that take a path throw
  /// std::runtime_error when the file cannot be written.
  /// @{
  void color_dim(const std::string& path) const;
  plot::Canvas color_dim() const;
  /// @}
  /// Share of activations in the lowest bin, |y| < kRange / kBins, over time, a panel a layer. Of a
  /// convolution, that is what stands in front of its norm and activation: near 1 nothing passes.
  /// What is stuck far below 0, where a ReLU makes zeros of it, does not show here.
  /// @{
  void dead_chart(const std::string& path) const;
  plot::Canvas dead_chart() const;
  /// @}
  /// Means and standard deviations over time, a line a layer.
  /// @{
  void plot_stats(const std::string& path) const;
  plot::Canvas plot_stats() const;
  /// @}

 private:
  std::string label(std::size_t i) const;
};

}  // namespace kindling
