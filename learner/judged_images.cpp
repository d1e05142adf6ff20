#include "learner/judged_images.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "engine/ops/loss.h"
#include "engine/tape.h"

namespace kindling {

std::vector<Index> rows_by_loss(const Predictions& predictions) {
  const NoGrad no_grad;
  const Array logs = log_softmax(Tensor(predictions.scores)).value();
  const Index n = logs.dim(0), classes = logs.dim(1);
  std::vector<double> right(static_cast<std::size_t>(n));  // log of the label's probability
  for (Index i = 0; i < n; ++i) {
    const double log = logs.data()[i * classes + predictions.labels[i]];
    right[static_cast<std::size_t>(i)] =
        std::isnan(log) ? -std::numeric_limits<double>::infinity() : log;
  }
  std::vector<Index> rows(right.size());
  std::iota(rows.begin(), rows.end(), Index{0});
  std::stable_sort(rows.begin(), rows.end(), [&](Index a, Index b) {
    return right[static_cast<std::size_t>(a)] < right[static_cast<std::size_t>(b)];
  });
  return rows;
}

plot::Image picture_of(const ImageDataset& images, Index row) {
  const auto pixels = images.images().rows(row, row + 1).values();
  return {static_cast<int>(images.images().dim(1)),
          static_cast<int>(images.images().dim(2)),
          static_cast<int>(images.images().dim(3)),
          {pixels.begin(), pixels.end()}};
}

}  // namespace kindling
