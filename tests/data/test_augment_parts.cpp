// Parts of images that are erased or copied, of a known size at known places.

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>
#include <vector>

#include "data/augment.h"
#include "tests/data/numbered_images.h"

using namespace kindling;
using namespace kindling::test;

namespace {

// Images that are not square, of three channels; parts of `share` of both sides, in whole pixels.
constexpr Index kHeight = 6, kWidth = 10, kChannels = 3;
constexpr double kShare = 0.45;
constexpr Index kPartHeight = 2, kPartWidth = 4;  // of 2.7 and 4.5
constexpr int kMost = 3;

std::size_t pixel(Index y, Index x, Index c) {
  return static_cast<std::size_t>((y * kWidth + x) * kChannels + c);
}

/// Where the parts of all images were, and how many an image had.
struct Places {
  std::set<std::pair<Index, Index>> corners;
  std::set<Index> counts;
  std::pair<Index, Index> corner(Draw& draw) {
    const Index y = draw.below(kHeight - kPartHeight + 1);
    const Index x = draw.below(kWidth - kPartWidth + 1);
    corners.insert({y, x});
    return {y, x};
  }
  Index count(Draw& draw) {
    const Index n = draw.below(kMost + 1);
    counts.insert(n);
    return n;
  }
};

}  // namespace

TEST_CASE("random_erase: up to so many parts of that size, anywhere, pixel by pixel") {
  constexpr Index n = 300;
  Random random(11), twin(11);
  Augment augment(random);
  augment.random_erase(kShare, kMost);
  const Batch before = numbered(n, kHeight, kWidth, kChannels),
              after = augment(numbered(n, kHeight, kWidth, kChannels));
  const std::uint64_t key = twin.bits();
  Places places;
  for (Index i = 0; i < n; ++i) {
    Draw draw(key, i);
    const auto x = image(before, i), y = image(after, i);
    std::vector<double> expected(x.begin(), x.end());
    // 180 equally spaced numbers.
    const double mean = (double{x.front()} + double{x.back()}) / 2;
    const double deviation = std::sqrt((180.0 * 180 - 1) / 12);
    for (Index parts = places.count(draw); parts > 0; --parts) {
      const auto [top, left] = places.corner(draw);
      for (Index row = top; row < top + kPartHeight; ++row)
        for (Index column = left; column < left + kPartWidth; ++column)
          for (Index c = 0; c < kChannels; ++c)
            expected[pixel(row, column, c)] =
                std::clamp(mean + deviation * draw.normal(), double{x.front()}, double{x.back()});
    }
    double furthest = 0;
    for (std::size_t k = 0; k < y.size(); ++k)
      furthest = std::max(furthest, std::abs(double{y[k]} - expected[k]));
    CHECK(furthest <= 0.02);  // a float near 300000 has 1/32
  }
  CHECK(places.corners.size() == (kHeight - kPartHeight + 1) * (kWidth - kPartWidth + 1));
  CHECK(places.counts == std::set<Index>{0, 1, 2, 3});
}

TEST_CASE("random_copy: up to so many parts of that size, from anywhere to anywhere") {
  constexpr Index n = 300;
  Random random(12), twin(12);
  Augment augment(random);
  augment.random_copy(kShare, kMost);
  const Batch before = numbered(n, kHeight, kWidth, kChannels),
              after = augment(numbered(n, kHeight, kWidth, kChannels));
  const std::uint64_t key = twin.bits();
  Places to, from;
  for (Index i = 0; i < n; ++i) {
    Draw draw(key, i);
    auto expected = image(before, i);
    for (Index parts = to.count(draw); parts > 0; --parts) {
      const auto [top, left] = to.corner(draw);
      const auto [from_top, from_left] = from.corner(draw);
      const auto whole = expected;
      for (Index row = 0; row < kPartHeight; ++row)
        for (Index column = 0; column < kPartWidth; ++column)
          for (Index c = 0; c < kChannels; ++c)
            expected[pixel(top + row, left + column, c)] =
                whole[pixel(from_top + row, from_left + column, c)];
    }
    CHECK((image(after, i) == expected));
  }
  for (const Places& places : {to, from})
    CHECK(places.corners.size() == (kHeight - kPartHeight + 1) * (kWidth - kPartWidth + 1));
  CHECK(to.counts == std::set<Index>{0, 1, 2, 3});
}
