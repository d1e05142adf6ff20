// Moving 64 MiB to where another layout wants them: a transpose, and images between channels-last
// and channels-first.

#include "bench/memory_bound.h"
#include "engine/ops/layout.h"

namespace kindling::bench {

void layout_cases(Cases& cases) {
  constexpr Index kSide = 4096, kSize = 32, kChannels = 64, kPixels = kSize * kSize;
  constexpr Index kImages = kNumbers / kPixels / kChannels;
  cases.push_back(memory_bound("layout/transpose", 1, 1, [] {
    const Array a = large({kSide, kSide}, 1);
    return ours_alone([x = Tensor(a)] { return transpose(x).value(); },
                      [a](Index i) { return double{a[i % kSide * kSide + i / kSide]}; }, 0);
  }));
  cases.push_back(memory_bound("layout/channels-first", 1, 1, [] {
    const Array a = large({kImages, kSize, kSize, kChannels}, 1);
    return ours_alone(
        [x = Tensor(a)] {
          return permute(x, {0, 3, 1, 2}).value();
        },
        [a](Index i) {
          const Index pixel = i % kPixels, c = i / kPixels % kChannels, n = i / kPixels / kChannels;
          return double{a[(n * kPixels + pixel) * kChannels + c]};
        },
        0);
  }));
}

}  // namespace kindling::bench
