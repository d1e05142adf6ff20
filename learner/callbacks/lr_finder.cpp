#include "learner/callbacks/lr_finder.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "engine/error.h"
#include "engine/random.h"
#include "learner/keeps_learner.h"
#include "learner/plot/charts.h"

namespace kindling {

LRFinderCB::LRFinderCB(LRFindOptions options)
    : Callback(callback_order::kFindRate), options_(options) {
  check<Error>(options.start_lr > 0 && options.gamma > 1 && std::isfinite(options.gamma) &&
                   options.max_multiple > 1,
               "lr_find", "start_lr ", options.start_lr, ", gamma ", options.gamma,
               ", max_multiple ", options.max_multiple,
               ": start_lr > 0, gamma > 1 and max_multiple > 1 expected");
}

void LRFinderCB::before_fit(Learner& learn) {
  lrs_.clear();
  losses_.clear();
  learn.opt->set_lr(options_.start_lr);
}

void LRFinderCB::before_epoch(Learner& learn) {
  if (!learn.training) throw CancelEpoch();
}

/// Before the step: a loss that is no number must not reach the weights.
void LRFinderCB::after_loss(Learner& learn) {
  const double loss = learn.loss.item();
  lrs_.push_back(learn.opt->lr());
  losses_.push_back(loss);
  lowest_ = losses_.size() == 1 ? loss : std::min(lowest_, loss);
  const double limit = lowest_ + (options_.max_multiple - 1) * std::abs(lowest_);
  if (!std::isfinite(loss) || loss > limit) throw CancelFit();
}

void LRFinderCB::after_batch(Learner& learn) {
  const double next = learn.opt->lr() * options_.gamma;
  if (!std::isfinite(next)) throw CancelFit();
  learn.opt->set_lr(next);
}

namespace {

/// The mean over a few batches on each side, of what is finite: one batch's loss is noise.
std::vector<double> smoothed(const std::vector<double>& losses) {
  constexpr std::ptrdiff_t kReach = 2;
  std::vector<double> smooth;
  std::ptrdiff_t n = 0;
  while (n < std::ssize(losses) && std::isfinite(losses[n])) ++n;
  for (std::ptrdiff_t i = 0; i < n; ++i) {
    const auto first = std::max<std::ptrdiff_t>(i - kReach, 0), last = std::min(i + kReach + 1, n);
    double total = 0;
    for (auto k = first; k < last; ++k) total += losses[k];
    smooth.push_back(total / static_cast<double>(last - first));
  }
  return smooth;
}

}  // namespace

LRFindResult lr_find(Learner& learn, LRFindOptions options) {
  LRFinderCB finder(options);
  const KeepsLearner keeps(learn);
  const KeepsRandom random({&default_random(), learn.dls.train.random(), learn.dls.valid.random()});
  learn.fit(options.max_epochs, {.valid = false, .cbs = {&finder}, .rehearse = true});
  return {finder.lrs(), finder.losses(), suggest_lr(finder.lrs(), finder.losses())};
}

std::optional<double> suggest_lr(const std::vector<double>& lrs,
                                 const std::vector<double>& losses) {
  check<Error>(lrs.size() == losses.size(), "lr_find", lrs.size(), " rates for ", losses.size(),
               " losses");
  const std::vector<double> smooth = smoothed(losses);
  const std::ptrdiff_t n = std::ssize(smooth);
  const auto lowest = std::min_element(smooth.begin(), smooth.end()) - smooth.begin();
  std::optional<double> best;
  double steepest = 0;
  for (std::ptrdiff_t i = 1; i < lowest && i + 1 < n; ++i) {
    if (!(lrs[i + 1] > lrs[i - 1])) continue;  // batches that were skipped raise no rate
    const double slope = (smooth[i + 1] - smooth[i - 1]) / std::log(lrs[i + 1] / lrs[i - 1]);
    if (slope < steepest) {
      steepest = slope;
      best = lrs[i];
    }
  }
  return best;
}

void LRFindResult::plot(const std::string& path) const {
  // The last losses, far above where it began, would press the rest of the curve flat.
  auto shown = losses;
  while (shown.size() > 3 && !(shown.back() <= 1.5 * shown.front())) shown.pop_back();
  auto smooth = smoothed(losses);
  smooth.resize(shown.size(), std::numeric_limits<double>::quiet_NaN());
  plot::lr_find(path, {lrs.begin(), lrs.begin() + std::ssize(shown)}, shown, suggestion, smooth);
}

}  // namespace kindling
