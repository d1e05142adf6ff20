// Pooling of 64 MiB of images by 2 x 2, forward and backward.

#include <algorithm>

#include "bench/memory_bound.h"
#include "engine/ops/pool.h"

namespace kindling::bench {

namespace {

constexpr Index kSize = 32, kChannels = 64, kImages = kNumbers / kSize / kSize / kChannels;
const Shape kImage{kImages, kSize, kSize, kChannels};
constexpr Index kHalf = kSize / 2;

/// The four inputs of output i, by their positions.
std::array<Index, 4> window(Index i) {
  const Index c = i % kChannels, ow = i / kChannels % kHalf, row = i / kChannels / kHalf;
  const Index first = (2 * row * kSize + 2 * ow) * kChannels + c;
  return {first, first + kChannels, first + kSize * kChannels, first + (kSize + 1) * kChannels};
}
/// The output whose window holds input i.
Index output_of(Index i) {
  const Index c = i % kChannels, w = i / kChannels % kSize, row = i / kChannels / kSize;
  return (row / 2 * kHalf + w / 2) * kChannels + c;
}

double largest(const Array& x, Index i) {
  double best = x[window(i)[0]];
  for (const Index at : window(i)) best = std::max(best, double{x[at]});
  return best;
}

}  // namespace

void pool_cases(Cases& cases) {
  using T = const Tensor&;
  const auto max2 = [](T x) { return max_pool2d(x, 2, 2, 0, true); };
  const auto mean2 = [](T x) { return avg_pool2d(x, 2, 2, 0, true); };
  const auto dy = [] {
    return large(kImage, 2).rows(0, kImages / 4).reshape({kImages, kHalf, kHalf, kChannels});
  };
  cases.push_back(memory_bound("pool/max", 1, 0.25, [=] {
    const Array a = large(kImage, 1);
    return ours_alone([=, x = Tensor(a)] { return max2(x).value(); },
                      [a](Index i) { return largest(a, i); });
  }));
  // dy, and a byte for each of its numbers: the place its maximum came from.
  cases.push_back(memory_bound("pool/max-backward", 0.25 + 0.0625, 1, [=] {
    const Array a = large(kImage, 1), d = dy();
    return gradient_alone(a, max2, d, [=](Index i) {
      return a[i] == static_cast<Scalar>(largest(a, output_of(i))) ? double{d[output_of(i)]} : 0;
    });
  }));
  cases.push_back(memory_bound("pool/mean", 1, 0.25, [=] {
    const Array a = large(kImage, 1);
    return ours_alone([=, x = Tensor(a)] { return mean2(x).value(); },
                      [a](Index i) {
                        double sum = 0;
                        for (const Index at : window(i)) sum += a[at];
                        return sum / 4;
                      });
  }));
  cases.push_back(memory_bound("pool/mean-backward", 0.25, 1, [=] {
    const Array d = dy();
    return gradient_alone(large(kImage, 1), mean2, d,
                          [d](Index i) { return double{d[output_of(i)]} / 4; });
  }));
}

}  // namespace kindling::bench
