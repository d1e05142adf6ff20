// Rectangles of other images: where they lie, and what share is left.

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <vector>

#include "engine/random.h"
#include "tests/learner/mixtures.h"

using namespace kindling;
using namespace kindling::test;

TEST_CASE("CutMixCB: a rectangle is the other's, and the loss counts its pixels") {
  CutMixCB mix(1);
  int cut = 0;
  for (std::uint64_t seed = 1; seed <= 8; ++seed)
    for (const Seen& seen : seen_by(mix, seed)) {
      if (!seen.training) continue;
      const Index first = seen.labels[0] == 0 ? 0 : 8;
      std::vector<Origin> origins;
      std::set<std::vector<bool>> masks;
      for (Index i = 0; i < 8; ++i) {
        Index other = first + i;
        std::vector<bool> mask;
        int own = 0;
        for (Index k = 0; k < 48; ++k) {
          const auto pixel = static_cast<Index>(seen.x[48 * i + k]);
          mask.push_back(pixel == first + i);
          own += mask.back();
          if (!mask.back()) {
            CHECK((other == first + i || other == pixel));
            other = pixel;
          }
        }
        if (other != first + i) {
          CHECK(own / 48.0 == doctest::Approx(seen.share));
          masks.insert(mask);
          ++cut;
        }
        origins.push_back({seen.share, other});
      }
      CHECK(masks.size() <= 1);  // the same rectangle in every image of the batch
      CHECK(seen.loss == doctest::Approx(expected_loss(seen, origins)).epsilon(1e-5));
    }
  CHECK(cut > 50);
}

TEST_CASE(
    "CutMixCB: the rectangle is the paper's, about a pixel drawn with the share of its size") {
  constexpr Index h = 6, w = 4;
  int inside = 0, cut_off = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    set_seed(seed);
    const TensorDataset train = numbered(16), valid = numbered(8);
    nn::Sequential model{nn::make<nn::Flatten>(), nn::make<nn::Linear>(48, 3)};
    CutMixCB mix(1);
    Random twin;
    OnEvent before(
        [&](const std::string& event, Learner&) {
          if (event == "before_batch") twin = Random(default_random().state());
        },
        callback_order::kMix - 1);
    OnEvent after(
        [&](const std::string& event, Learner& l) {
          if (event != "after_predict" || !l.training) return;
          const std::vector<Index> others = twin.permutation(8);
          Draw draw(twin.bits(), 0);
          // Beta(1, 1) by Johnk's method, of which the larger part counts.
          double a = 0, b = 0;
          while (a + b > 1 || a + b == 0) a = draw.uniform(), b = draw.uniform();
          const double share = std::max(a / (a + b), 1 - a / (a + b));
          const Index y = draw.below(h), x = draw.below(w);
          const auto side = [&](Index n) {  // sqrt(1 - share) of it, in whole pixels
            return static_cast<Index>(std::sqrt(1 - share) * static_cast<double>(n));
          };
          const Index top = y - side(h) / 2, bottom = y + side(h) / 2;
          const Index left = x - side(w) / 2, right = x + side(w) / 2;
          int own = 0;
          for (Index i = 0; i < 8; ++i)
            for (Index row = 0; row < h; ++row)
              for (Index column = 0; column < w; ++column) {
                const bool cut = row >= top && row < bottom && column >= left && column < right;
                own += i == 0 && !cut;
                const Index from = cut ? others[static_cast<std::size_t>(i)] : i;
                for (Index c = 0; c < 2; ++c)
                  CHECK(l.batch.xs[0].value()[((i * h + row) * w + column) * 2 + c] ==
                        static_cast<Scalar>(8 * l.iter + from));
              }
          CHECK(mix.share() == doctest::Approx(own / 24.0).epsilon(1e-12));
          const bool whole = top >= 0 && bottom <= h && left >= 0 && right <= w;
          if (bottom > top && right > left) ++(whole ? inside : cut_off);
        },
        100);
    TrainLearner(model, {DataLoader(train, 8), DataLoader(valid, 8)}, nn::CrossEntropyLoss(),
                 {.lr = 0.01, .cbs = {&mix, &before, &after}})
        .fit(1);
  }
  CHECK(inside > 5);
  CHECK(cut_off > 5);
}

TEST_CASE("CutMixCB: shares are Beta(alpha, alpha)'s, less what of the rectangle lies outside") {
  // Of n pixels, a rectangle of half a side k about each of them covers 2 k - k^2 / n in the mean.
  const auto covered = [](Index n, double share) {
    const double k = std::floor(std::sqrt(1 - share) * static_cast<double>(n) / 2);
    return (2 * k - k * k / static_cast<double>(n)) / static_cast<double>(n);
  };
  for (const double alpha : {1.0, 3.0, 8.0}) {
    double expected = 0, density = 0;  // of the larger part, by the midpoint rule
    for (int i = 0; i < 10000; ++i) {
      const double share = 0.5 + (i + 0.5) / 20000;
      const double weight = std::pow(share * (1 - share), alpha - 1);
      density += weight;
      expected += weight * (1 - covered(6, share) * covered(4, share));
    }
    expected /= density;
    CutMixCB mix(alpha);
    CHECK(std::abs(mean_share(mix) - expected) < 0.02);
  }
}
