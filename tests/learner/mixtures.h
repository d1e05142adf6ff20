#pragma once

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <vector>

#include "learner/callbacks/mixup.h"
#include "nn/layers.h"
#include "nn/loss.h"
#include "tests/learner/fits.h"

/// Images whose pixels say where they come from, and a fit over mixtures of them.
namespace kindling::test {

/// Images of one number each, its row's, so that one can tell where a pixel comes from.
inline TensorDataset numbered(Index n) {
  Array x(Shape{n, 6, 4, 2});
  IntArray y(Shape{n}, 0);
  for (Index i = 0; i < x.size(); ++i) x.data()[i] = static_cast<Scalar>(i / 48);
  for (Index i = 0; i < n; ++i) y.data()[i] = static_cast<std::int32_t>(i % 3);
  return TensorDataset(x, y);
}

struct Seen {
  double share, loss;
  Array x, preds;
  IntArray labels;
  bool training;
};

/// A fit of two epochs over numbered images in order, with what the loss saw in each batch.
inline std::vector<Seen> seen_by(MixCB& mix, std::uint64_t seed = 1) {
  set_seed(seed);
  const TensorDataset train = numbered(16), valid = numbered(8);
  nn::Sequential model{nn::make<nn::Flatten>(), nn::make<nn::Linear>(48, 3)};
  std::vector<Seen> all;
  OnEvent watch(
      [&](const std::string& event, Learner& l) {
        if (event == "after_loss")
          all.push_back({mix.share(), l.loss.item(), l.batch.xs[0].value(), l.preds.value(),
                         l.batch.labels(), l.training});
      },
      100);
  TrainLearner learn(model, {DataLoader(train, 8), DataLoader(valid, 8)}, nn::CrossEntropyLoss(),
                     {.lr = 0.01, .cbs = {&mix, &watch}});
  learn.fit(2);
  return all;
}

/// The mean of the shares that 600 batches of training were drawn.
inline double mean_share(MixCB& mix) {
  double sum = 0;
  int n = 0;
  for (std::uint64_t seed = 1; seed <= 150; ++seed)
    for (const Seen& seen : seen_by(mix, seed))
      if (seen.training) sum += seen.share, ++n;
  CHECK(n == 600);
  return sum / n;
}

inline double log_loss(const Array& preds, Index row, Index label) {
  const Scalar* s = preds.data() + 3 * row;
  double sum = 0;
  for (int c = 0; c < 3; ++c) sum += std::exp(double{s[c]} - s[label]);
  return std::log(sum);
}

/// The share of the own image in row i of a batch that begins with image `first`, and the other's
/// number; read off the pixels.
struct Origin {
  double share;
  Index other;
};

/// What the loss must be when row i is `origin[i]`.
inline double expected_loss(const Seen& seen, const std::vector<Origin>& origins) {
  double sum = 0;
  for (std::size_t i = 0; i < origins.size(); ++i) {
    const auto row = static_cast<Index>(i);
    sum += seen.share * log_loss(seen.preds, row, seen.labels[row]) +
           (1 - seen.share) * log_loss(seen.preds, row, origins[i].other % 3);
  }
  return sum / static_cast<double>(origins.size());
}

}  // namespace kindling::test
