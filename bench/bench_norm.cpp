// Batch norm of 64 MiB of images. In training the moments need the whole batch before the first
// number can be normalised, and their gradients too: x, and in backward dy, are read twice.

#include <cmath>

#include "bench/memory_bound.h"
#include "engine/ops/norm.h"

namespace kindling::bench {

namespace {

constexpr Index kChannels = 64, kRows = kNumbers / kChannels;
constexpr double kEps = 1e-5;

/// What the formulas need to know of every channel, in double.
struct Channels {
  Array x = large({kRows, kChannels}, 1), dy = large({kRows, kChannels}, 2);
  Array weight = noise({kChannels}, 3), bias = noise({kChannels}, 4);
  std::vector<double> mean, std, dy_mean, dy_x_mean;  ///< The last: of dy times the normalised x.

  Channels() : mean(kChannels), std(kChannels), dy_mean(kChannels), dy_x_mean(kChannels) {
    const auto each = [](std::vector<double>& means, const auto& f) {
      for (Index i = 0; i < kNumbers; ++i) means[static_cast<std::size_t>(i % kChannels)] += f(i);
      for (double& m : means) m /= kRows;
    };
    each(mean, [&](Index i) { return double{x[i]}; });
    each(std, [&](Index i) { return std::pow(x[i] - mean[channel(i)], 2); });
    for (double& v : std) v = std::sqrt(v + kEps);
    each(dy_mean, [&](Index i) { return double{dy[i]}; });
    each(dy_x_mean, [&](Index i) { return dy[i] * normal(i); });
  }
  static std::size_t channel(Index i) { return static_cast<std::size_t>(i % kChannels); }
  double normal(Index i) const { return (x[i] - mean[channel(i)]) / std[channel(i)]; }
  double y(Index i) const { return weight[i % kChannels] * normal(i) + bias[i % kChannels]; }
  double dx(Index i) const {
    const std::size_t c = channel(i);
    return weight[i % kChannels] / std[c] * (dy[i] - dy_mean[c] - normal(i) * dy_x_mean[c]);
  }
  Tensor batch_norm(const Tensor& input) const {
    return kindling::batch_norm(input, Tensor(weight, true), Tensor(bias, true), kEps);
  }
};

}  // namespace

void norm_cases(Cases& cases) {
  cases.push_back(memory_bound("norm/batch-norm", 2, 1, [] {
    const auto c = std::make_shared<Channels>();
    return ours_alone([c, x = Tensor(c->x)] { return c->batch_norm(x).value(); },
                      [c](Index i) { return c->y(i); }, 1e-4);
  }));
  cases.push_back(memory_bound("norm/batch-norm-backward", 4, 1, [] {
    const auto c = std::make_shared<Channels>();
    return gradient_alone(
        c->x, [c](const Tensor& x) { return c->batch_norm(x); }, c->dy,
        [c](Index i) { return c->dx(i); }, 1e-4);
  }));
}

}  // namespace kindling::bench
