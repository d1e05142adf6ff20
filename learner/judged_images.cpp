#include "learner/judged_images.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/error.h"
#include "engine/ops/loss.h"
#include "engine/ops/reduce.h"
#include "engine/tape.h"

namespace kindling {

std::vector<JudgedRow> judged_by_loss(const Predictions& predictions) {
  const Shape shape = predictions.scores.shape();
  check(shape.rank() == 2 && predictions.labels.shape() == Shape{shape[0]}, "judged_by_loss",
        "scores ", shape, " and ", predictions.labels.size(),
        " labels: (N, classes) and N expected");
  const NoGrad no_grad;
  const Array logs = log_softmax(Tensor(predictions.scores)).value();
  const IntArray guesses = argmax(Tensor(predictions.scores));
  const auto log = [&](Index row, Index c) { return double{logs.data()[row * shape[1] + c]}; };
  std::vector<JudgedRow> rows;
  for (Index i = 0; i < shape[0]; ++i) {
    const Index truth = predictions.labels[i], guess = guesses[i];
    check<Error>(truth >= 0 && truth < shape[1], "judged_by_loss", "label ", truth, " of ",
                 shape[1], " classes");
    rows.push_back({i, truth, guess, std::exp(log(i, guess))});
  }
  const auto right = [&](const JudgedRow& row) {
    const double value = log(row.row, row.truth);
    return std::isnan(value) ? -std::numeric_limits<double>::infinity() : value;
  };
  std::stable_sort(rows.begin(), rows.end(),
                   [&](const JudgedRow& a, const JudgedRow& b) { return right(a) < right(b); });
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
