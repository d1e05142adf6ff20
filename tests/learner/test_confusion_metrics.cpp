#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "engine/error.h"
#include "engine/random.h"
#include "learner/metrics.h"
#include "tests/learner/metric_rows.h"

using namespace kindling;
using namespace kindling::test;
using doctest::Approx;

namespace {

/// The same ten rows, worked out by hand. label -> predicted:
///
///            predicted 0  1  2
///   label 0            2  1  1    labelled 4
///   label 1            0  2  1    labelled 3
///   label 2            0  1  2    labelled 3
///   predicted          2  4  4
const std::vector<std::int32_t> kLabels{0, 0, 0, 0, 1, 1, 1, 2, 2, 2};
const std::vector<std::int32_t> kPredicted{0, 0, 1, 2, 1, 1, 2, 1, 2, 2};

}  // namespace

TEST_CASE("metrics: precision, recall and F1 of a matrix worked out by hand") {
  const Array scores = one_hot(kPredicted, 3);
  const IntArray labels = ints(kLabels);

  ConfusionMatrix matrix(3);
  matrix.update(scores, labels);
  CHECK(matrix.counts().shape() == Shape{3, 3});
  const std::vector<std::int32_t> expected{2, 1, 1, 0, 2, 1, 0, 1, 2};
  CHECK(std::ranges::equal(matrix.counts().values(), expected));
  CHECK(matrix.compute() == Approx(0.6));  // (2 + 2 + 2) / 10
  CHECK(matrix.rows() == 10);
  CHECK(matrix.correct() == 6);
  CHECK(matrix.labelled(0) == 4);
  CHECK(matrix.predicted(0) == 2);
  CHECK(matrix.correct(0) == 2);

  // Precision by columns: 2/2, 2/4, 2/4; macro (1 + 1/2 + 1/2) / 3 = 2/3.
  Precision precision(3, Average::macro);
  precision.update(scores, labels);
  CHECK(precision.per_class()[0] == 1);
  CHECK(precision.per_class()[1] == 0.5);
  CHECK(precision.per_class()[2] == 0.5);
  CHECK(precision.compute() == Approx(2.0 / 3));

  // Recall by rows: 2/4, 2/3, 2/3; macro (1/2 + 2/3 + 2/3) / 3 = 11/18.
  Recall recall(3, Average::macro);
  recall.update(scores, labels);
  CHECK(recall.per_class()[0] == 0.5);
  CHECK(recall.per_class()[1] == Approx(2.0 / 3));
  CHECK(recall.per_class()[2] == Approx(2.0 / 3));
  CHECK(recall.compute() == Approx(11.0 / 18));

  // F1: 2*1*(1/2) / (3/2) = 2/3; 2*(1/2)*(2/3) / (7/6) = 4/7, twice; macro (2/3 + 8/7) / 3 = 38/63.
  F1 f1(3, Average::macro);
  f1.update(scores, labels);
  CHECK(f1.per_class()[0] == Approx(2.0 / 3));
  CHECK(f1.per_class()[1] == Approx(4.0 / 7));
  CHECK(f1.per_class()[2] == Approx(4.0 / 7));
  CHECK(f1.compute() == Approx(38.0 / 63));
  CHECK(f1.confusion().correct() == 6);

  // Micro: one label and one prediction a row, so all three are the accuracy.
  CHECK(of(Precision(3), scores, labels) == Approx(0.6));
  CHECK(of(Recall(3), scores, labels) == Approx(0.6));
  CHECK(of(F1(3), scores, labels) == Approx(0.6));
}

TEST_CASE("metrics: textbook values") {
  // The example of scikit-learn's precision_score, recall_score and f1_score:
  // macro 0.22.., 0.33.., 0.26..; micro 0.33..; by class [0.66.., 0, 0], [1, 0, 0], [0.8, 0, 0].
  const IntArray labels = ints({0, 1, 2, 0, 1, 2});
  const Array scores = one_hot({0, 2, 1, 0, 0, 1}, 3);
  CHECK(of(Precision(3, Average::macro), scores, labels) == Approx(2.0 / 9));
  CHECK(of(Recall(3, Average::macro), scores, labels) == Approx(1.0 / 3));
  CHECK(of(F1(3, Average::macro), scores, labels) == Approx(4.0 / 15));
  CHECK(of(F1(3), scores, labels) == Approx(1.0 / 3));
  F1 f1(3);
  f1.update(scores, labels);
  CHECK(f1.per_class()[0] == Approx(0.8));
  CHECK(f1.per_class()[1] == 0);
  CHECK(f1.per_class()[2] == 0);
  // torcheval's multiclass_f1_score, macro: (2/3 + 1/2) / 2 = 0.5833.
  CHECK(of(F1(2, Average::macro), one_hot({0, 0, 1, 1, 1}, 2), ints({0, 0, 0, 0, 1})) ==
        Approx(7.0 / 12));
}

TEST_CASE("metrics: classes that only one side knows count as 0, absent ones do not count") {
  // label -> predicted: 0 -> 0, 0 -> 1, 3 -> 0. Class 1 is only predicted, 3 only labelled, 2 and
  // 4 neither.  precision 1/2, 0, -, 0 (0/0), -   recall 1/2, 0 (0/0), -, 0, -
  const Array scores = one_hot({0, 1, 0}, 5);
  const IntArray labels = ints({0, 0, 3});
  const auto check_scores = [&](ClassScore&& metric) {
    metric.update(scores, labels);
    const std::vector<double> by_class = metric.per_class();
    REQUIRE(by_class.size() == 5);
    CHECK(by_class[0] == 0.5);
    CHECK(by_class[1] == 0);
    CHECK(std::isnan(by_class[2]));
    CHECK(by_class[3] == 0);
    CHECK(std::isnan(by_class[4]));
    CHECK(metric.compute() == Approx(0.5 / 3));
  };
  check_scores(Precision(5, Average::macro));
  check_scores(Recall(5, Average::macro));
  check_scores(F1(5, Average::macro));
}

TEST_CASE("metrics: everything of a random matrix against loops") {
  const int classes = 8;
  const Rows rows = random_rows(400, classes, 7);
  ConfusionMatrix matrix(classes);
  matrix.update(rows.scores, rows.labels);
  double precision = 0, recall = 0, f1 = 0;
  int occurring = 0;
  for (int c = 0; c < classes; ++c) {
    double tp = 0, fp = 0, fn = 0;
    for (Index i = 0; i < 400; ++i) {
      const bool is = rows.labels[i] == c, said = first_largest(rows.scores, i) == c;
      tp += is && said;
      fp += !is && said;
      fn += is && !said;
    }
    CHECK(matrix.correct(c) == tp);
    CHECK(matrix.labelled(c) == tp + fn);
    CHECK(matrix.predicted(c) == tp + fp);
    if (tp + fp + fn == 0) continue;
    const double p = tp + fp > 0 ? tp / (tp + fp) : 0, r = tp + fn > 0 ? tp / (tp + fn) : 0;
    precision += p;
    recall += r;
    f1 += p + r > 0 ? 2 * p * r / (p + r) : 0;
    ++occurring;
  }
  const auto expect = [&](double sum) { return Approx(sum / occurring).epsilon(1e-13); };
  CHECK(of(Precision(classes, Average::macro), rows.scores, rows.labels) == expect(precision));
  CHECK(of(Recall(classes, Average::macro), rows.scores, rows.labels) == expect(recall));
  CHECK(of(F1(classes, Average::macro), rows.scores, rows.labels) == expect(f1));

  for (int label = 0; label < classes; ++label)
    for (int predicted = 0; predicted < classes; ++predicted) {
      int count = 0;
      for (Index i = 0; i < 400; ++i)
        count += rows.labels[i] == label && first_largest(rows.scores, i) == predicted;
      CHECK(matrix.counts()[label * classes + predicted] == count);
    }
}
