// Reductions of 64 MiB: what is counted is the array, read once (twice where the formula takes two
// passes).

#include <algorithm>
#include <cmath>

#include "bench/memory_bound.h"
#include "engine/ops/histogram.h"
#include "engine/ops/reduce.h"
#include "learner/callbacks/activation_stats.h"

namespace kindling::bench {

namespace {

constexpr Index kRows = kNumbers / 64, kChannels = 64;

/// g(x) summed over all rows, in double: of every channel, or of everything.
std::vector<double> channel_sums(const Array& x, const std::function<double(double)>& g) {
  std::vector<double> sums(kChannels);
  for (Index i = 0; i < x.size(); ++i) sums[static_cast<std::size_t>(i % kChannels)] += g(x[i]);
  return sums;
}
double total(const std::vector<double>& sums) {
  double all = 0;
  for (const double s : sums) all += s;
  return all;
}
double itself(double v) { return v; }

Trial histogram_trial() {
  const Array x = large({kRows, kChannels}, 1);
  const auto run = [t = Tensor(x)] {
    const IntArray counts = histogram(t, 40, 0, 10, /*absolute=*/true);
    return Array({40}, std::vector<Scalar>(counts.values().begin(), counts.values().end()));
  };
  std::vector<double> counts(40);
  for (const Scalar v : x.values()) ++counts[static_cast<std::size_t>(std::abs(v) * 4)];
  return ours_alone(run, [counts](Index i) { return counts[static_cast<std::size_t>(i)]; });
}

/// What ActivationStats does to every output: mean, deviation, histogram.
Trial layer_stats_trial() {
  const Array x = large({kRows, kChannels}, 1);
  const auto run = [t = Tensor(x)] {
    LayerStats stats;
    append_stats(stats, t);
    return Array({2}, {static_cast<Scalar>(stats.means[0]), static_cast<Scalar>(stats.stds[0])});
  };
  const double mean = total(channel_sums(x, itself)) / kNumbers;
  const double square = total(channel_sums(x, [](double v) { return v * v; })) / kNumbers;
  return ours_alone(
      run, [=](Index i) { return i ? std::sqrt(square - mean * mean) : mean; }, 1e-4);
}

}  // namespace

void reduce_cases(Cases& cases) {
  const auto ours = [&](const char* name, double reads, auto op, auto formula) {
    cases.push_back(memory_bound(name, reads, 0, [=] {
      const Array a = large({kRows, kChannels}, 1);
      const Tensor x(a);
      const std::vector<double> expected = formula(a);
      return ours_alone([=] { return op(x).value(); },
                        [=](Index i) { return expected[static_cast<std::size_t>(i)]; }, 1e-4);
    }));
  };
  using T = const Tensor&;
  ours(
      "reduce/sum", 1, [](T x) { return sum(x); },
      [](const Array& a) { return std::vector{total(channel_sums(a, itself))}; });
  ours(
      "reduce/sum-over-rows", 1, [](T x) { return sum(x, {0}); },
      [](const Array& a) { return channel_sums(a, itself); });
  ours(
      "reduce/max", 1, [](T x) { return max(x); },
      [](const Array& a) {
        return std::vector{double{*std::max_element(a.values().begin(), a.values().end())}};
      });
  ours(
      "reduce/stddev", 2, [](T x) { return stddev(x); },
      [](const Array& a) {
        const double mean = total(channel_sums(a, itself)) / kNumbers;
        const double squares =
            total(channel_sums(a, [mean](double v) { return (v - mean) * (v - mean); }));
        return std::vector{std::sqrt(squares / (kNumbers - 1))};
      });
  cases.push_back(memory_bound("reduce/sum-over-channels", 1, 0, [] {
    const Array a = large({kRows, kChannels}, 1);
    return ours_alone([x = Tensor(a)] { return sum(x, {1}).value(); },
                      [a](Index row) {
                        double sum = 0;
                        for (Index c = 0; c < kChannels; ++c) sum += a[row * kChannels + c];
                        return sum;
                      });
  }));
  cases.push_back(memory_bound("reduce/histogram", 1, 0, histogram_trial));
  cases.push_back(memory_bound("reduce/layer-stats", 1, 0, layer_stats_trial));
}

}  // namespace kindling::bench
