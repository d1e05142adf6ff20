#include "learner/callbacks/update_stats.h"

#include <cmath>
#include <limits>

#include "engine/error.h"
#include "engine/ops/update.h"

namespace kindling {

namespace {

double distance(const Array& a, const Array& b) {
  double square = 0;
  const Scalar *x = a.data(), *y = b.data();
  for (Index i = 0; i < a.size(); ++i) square += (double{x[i]} - y[i]) * (double{x[i]} - y[i]);
  return std::sqrt(square);
}

}  // namespace

UpdateStats::UpdateStats() : Callback(callback_order::kUpdates) {}

void UpdateStats::before_fit(Learner& learn) {
  if (learn.rehearses) return;
  weights_.clear();
  series_.clear();
  for (const auto& [path, parameter] : learn.model.named_parameters())
    if (parameter.rank() >= 2) {
      weights_.push_back(parameter);
      series_.push_back({path, {}, {}});
    }
}

void UpdateStats::after_backward(Learner& learn) {
  if (learn.rehearses) return;
  for (const Tensor& weight : weights_) before_.push_back(weight.value());
}

void UpdateStats::after_step(Learner& learn) {
  if (learn.rehearses) return;
  for (std::size_t i = 0; i < weights_.size(); ++i) {
    const Array& grad = weights_[i].grad();
    series_[i].gradients.push_back(grad.defined() ? norm(grad) : 0);
    const double weight = norm(before_.at(i));
    series_[i].ratios.push_back(weight > 0 ? distance(weights_[i].value(), before_[i]) / weight
                                           : std::numeric_limits<double>::quiet_NaN());
  }
}

void UpdateStats::state(Archive& archive) {
  archive.same("weights", static_cast<Index>(series_.size()));
  for (plot::UpdateSeries& line : series_)
    archive.in(line.name, [&] {
      archive("gradients", line.gradients);
      archive("ratios", line.ratios);
      archive.expect(line.gradients.size() == line.ratios.size(), "ratios",
                     str(line.gradients.size(), " numbers"));
    });
}

}  // namespace kindling
