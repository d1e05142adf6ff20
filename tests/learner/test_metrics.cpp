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

/// Mean squared error of values (N, 1): a metric as a user would write one.
class SquaredError : public AveragedMetric {
 public:
  double calc(const Array& predictions, const Target& target) const override {
    const Array& values = std::get<Tensor>(target).value();
    REQUIRE(values.size() > 0);
    double sum = 0;
    for (Index i = 0; i < values.size(); ++i) {
      const double d = predictions[i] - values[i];
      sum += d * d;
    }
    return sum / static_cast<double>(values.size());
  }
};

}  // namespace

TEST_CASE("metrics: a mean of numbers, weighted") {
  Mean mean;
  CHECK(std::isnan(mean.compute()));
  CHECK_FALSE(std::signbit(mean.compute()));  // or it would print as "-nan"
  mean.update(2);
  mean.update(5);
  CHECK(mean.compute() == 3.5);
  mean.reset();
  CHECK(std::isnan(mean.compute()));
  // (1 * 1024 + 4 * 512) / 1536 = 2: not 2.5, the short batch counts less.
  mean.update(1, 1024);
  mean.update(4, 512);
  CHECK(mean.compute() == 2);
  mean.update(double{kNaN}, 0);
  CHECK(mean.compute() == 2);
  mean.update(double{kInf}, 1);
  CHECK(mean.compute() == double{kInf});
  mean.update(double{kNaN});
  CHECK(std::isnan(mean.compute()));

  for (const double weight : {-1.0, double{kNaN}, double{kInf}})
    CHECK_THROWS_AS(mean.update(1, weight), Error);
  CHECK_THROWS_WITH(mean.update(1, -1), "[mean] weight -1: expected a finite number of at least 0");
}

TEST_CASE("metrics: a mean of many numbers is summed in double") {
  Mean mean;
  for (int i = 0; i < 20'000'000; ++i) mean.update(1);  // a float stops at 2^24 = 16,777,216
  CHECK(mean.compute() == 1);
  mean.reset();
  for (int i = 0; i < 1000; ++i) mean.update(0.1f);
  CHECK(mean.compute() == Approx(double{0.1f}).epsilon(1e-13));
}

TEST_CASE("metrics: accuracy is the share of rows whose largest score is the label's") {
  // First largest: 1, 0 (a tie), 2; labels 1, 1, 2.
  const Array scores(Shape{3, 3}, {0, 5, 1, 4, 4, -1, -3, -2, -1});
  CHECK(of(Accuracy(), scores, ints({1, 1, 2})) == Approx(2.0 / 3));
  CHECK(of(Accuracy(), scores, ints({1, 0, 2})) == 1);
  CHECK(of(Accuracy(), scores, ints({2, 2, 0})) == 0);
  CHECK(of(Accuracy(), Array(Shape{2, 1}, {3, -3}), ints({0, 0})) == 1);

  const Rows rows = random_rows(777, 9, 1);
  int hits = 0;
  for (Index i = 0; i < 777; ++i) hits += first_largest(rows.scores, i) == rows.labels[i];
  CHECK(of(Accuracy(), rows.scores, rows.labels) == Approx(hits / 777.0).epsilon(1e-14));
  CHECK(of(MulticlassAccuracy(), rows.scores, rows.labels) == hits / 777.0);
}

TEST_CASE("metrics: an averaged metric weighs a batch by its rows") {
  Accuracy accuracy;
  accuracy.update(one_hot({0, 1, 2, 2}, 3), ints({0, 1, 2, 2}));  // 4 of 4
  accuracy.update(one_hot({0}, 3), ints({1}));                    // 0 of 1
  CHECK(accuracy.compute() == Approx(0.8));

  SquaredError error;
  error.update(Array(Shape{1, 1}, {3}), Tensor(Array(Shape{1, 1}, {0})));               // 9
  error.update(Array(Shape{3, 1}, {1, 0, 1}), Tensor(Array(Shape{3, 1}, {0, 0, -1})));  // 1 + 0 + 4
  CHECK(error.compute() == Approx(14.0 / 4));
  // A batch of no rows would be 0/0.
  error.update(Array(Shape{0, 1}), Tensor(Array(Shape{0, 1})));
  CHECK(error.compute() == Approx(14.0 / 4));
  CHECK(message(error, Array::scalar(1), Tensor(Array::scalar(1))) ==
        "[metric] predictions (): an axis of rows expected");
}

TEST_CASE("metrics: the macro average counts every class the same") {
  // Class 0: 3 of 4 right, class 1: 0 of 1, class 2: no rows, class 3: 1 of 1.
  const Array scores = one_hot({0, 0, 0, 1, 2, 3}, 4);
  const IntArray labels = ints({0, 0, 0, 0, 1, 3});
  MulticlassAccuracy macro({.average = Average::macro, .num_classes = 4});
  macro.update(scores, labels);
  CHECK(macro.compute() == Approx((0.75 + 0 + 1) / 3));  // over three classes, not four
  const std::vector<double> shares = macro.per_class();
  REQUIRE(shares.size() == 4);
  CHECK(shares[0] == 0.75);
  CHECK(shares[1] == 0);
  CHECK(std::isnan(shares[2]));
  CHECK(shares[3] == 1);
  CHECK(of(MulticlassAccuracy(), scores, labels) == Approx(4.0 / 6));

  MulticlassAccuracy micro({.num_classes = 4});
  micro.update(scores, labels);
  CHECK(micro.compute() == Approx(4.0 / 6));
  CHECK(micro.per_class()[0] == 0.75);
  CHECK_THROWS_WITH(
      MulticlassAccuracy().per_class(),
      "[multiclass_accuracy] num_classes expected: a share of each class was asked for");
}

TEST_CASE("metrics: top-k without ties agrees with sorting the classes") {
  const Index n = 300;
  const int classes = 12;
  const Array scores = Random(4).normal(Shape{n, classes});
  const Rows rows{scores, random_rows(n, classes, 5).labels};
  for (int k = 1; k <= classes + 2; ++k) {
    int hits = 0;
    for (Index i = 0; i < n; ++i) {
      std::vector<int> order(classes);
      std::iota(order.begin(), order.end(), 0);
      const Scalar* row = scores.data() + i * classes;
      std::sort(order.begin(), order.end(), [row](int a, int b) { return row[a] > row[b]; });
      order.resize(std::min(k, classes));
      hits += std::count(order.begin(), order.end(), rows.labels[i]);
    }
    CAPTURE(k);
    CHECK(of(MulticlassAccuracy({.k = k}), scores, rows.labels) == hits / double{n});
    if (k >= classes) CHECK(hits == n);
  }
}

TEST_CASE("metrics: a tie for place k counts in favour of the row") {
  // Ranks (scores strictly greater) of classes 0..4: 1, 0, 1, 1, 4.
  const Array row(Shape{1, 5}, {3, 7, 3, 3, -1});
  const int ranks[] = {1, 0, 1, 1, 4};
  for (const int k : {2, 3, 4, 5})
    for (int label = 0; label < 5; ++label) {
      CAPTURE(k);
      CAPTURE(label);
      CHECK(of(MulticlassAccuracy({.k = k}), row, ints({label})) == (ranks[label] < k));
    }
  // For k = 1 there is only one prediction: of equal scores the first.
  const Array equal(Shape{3, 3}, 0.5f);
  CHECK(of(MulticlassAccuracy({.k = 1}), equal, ints({0, 1, 2})) == Approx(1.0 / 3));
  CHECK(of(MulticlassAccuracy({.k = 2}), equal, ints({0, 1, 2})) == 1);
}

TEST_CASE("metrics: top-k by rank, micro and macro, against loops") {
  const int classes = 7;
  const Rows rows = random_rows(500, classes, 6);
  for (const int k : {2, 3, 6}) {
    std::vector<double> hits(classes), all(classes);
    for (Index i = 0; i < 500; ++i) {
      const Scalar own = rows.scores[i * classes + rows.labels[i]];
      int greater = 0;
      for (int c = 0; c < classes; ++c) greater += rows.scores[i * classes + c] > own;
      hits[rows.labels[i]] += greater < k;
      all[rows.labels[i]] += 1;
    }
    REQUIRE(all[0] == 0);
    double shares = 0, hit = 0;
    for (int c = 1; c < classes; ++c) {
      shares += hits[c] / all[c];
      hit += hits[c];
    }
    CHECK(of(MulticlassAccuracy({.k = k}), rows.scores, rows.labels) == hit / 500);
    CHECK(of(MulticlassAccuracy({.average = Average::macro, .num_classes = classes, .k = k}),
             rows.scores, rows.labels) == Approx(shares / (classes - 1)).epsilon(1e-13));
  }
}

TEST_CASE("metrics: NaN scores are the largest, and no help in top-k") {
  const Array scores(Shape{3, 3}, {9, kNaN, 1, kNaN, kNaN, kNaN, kInf, 0, -kInf});
  // Predicted: 1 (the NaN), 0 (the first NaN), 0 (infinity).
  CHECK(of(Accuracy(), scores, ints({1, 0, 0})) == 1);
  CHECK(of(Accuracy(), scores, ints({0, 1, 1})) == 0);
  CHECK(of(MulticlassAccuracy(), scores, ints({1, 0, 0})) == 1);
  ConfusionMatrix matrix(3);
  matrix.update(scores, ints({2, 2, 2}));
  CHECK(matrix.predicted(1) == 1);
  CHECK(matrix.predicted(0) == 2);

  // Row (9, NaN, 1): the NaN outranks 9, which has rank 1; as a label it comes last.
  const Array row = scores.rows(0, 1);
  CHECK(of(MulticlassAccuracy({.k = 2}), row, ints({0})) == 1);
  CHECK(of(MulticlassAccuracy({.k = 2}), row, ints({1})) == 0);
  CHECK(of(MulticlassAccuracy({.k = 2}), row, ints({2})) == 0);
  CHECK(of(MulticlassAccuracy({.k = 3}), row, ints({1})) == 1);
  // A model that has diverged is not perfect.
  CHECK(of(MulticlassAccuracy({.k = 5}), Array(Shape{4, 10}, kNaN), ints({0, 1, 2, 3})) == 0);
}

TEST_CASE("metrics: batches of any sizes give what one batch gives") {
  const int classes = 6;
  const Index n = 211;
  const Rows rows = random_rows(n, classes, 8);
  auto whole = all_metrics(classes), parts = all_metrics(classes);
  for (auto& metric : whole) metric->update(rows.scores, rows.target());
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Random random(seed);
    for (auto& metric : parts) metric->reset();
    for (Index begin = 0; begin < n;) {
      // Empty batches among them.
      const Index length = static_cast<Index>(random.bits() % (seed % 2 ? 4 : 100));
      const Index end = std::min(n, begin + length);
      for (auto& metric : parts)
        metric->update(rows.scores.rows(begin, end), rows.labels.rows(begin, end));
      begin = end;
    }
    // The course's Accuracy averages shares, everything else counts.
    CHECK(parts[0]->compute() == Approx(whole[0]->compute()).epsilon(1e-13));
    for (std::size_t i = 1; i < parts.size(); ++i) {
      CAPTURE(i);
      CHECK(parts[i]->compute() == whole[i]->compute());
    }
  }
}

TEST_CASE("metrics: of no rows they are NaN, before the first batch and after reset") {
  const Rows rows = random_rows(20, 4, 9);
  const Array no_scores(Shape{0, 4});
  for (auto& metric : all_metrics(4)) {
    CHECK(std::isnan(metric->compute()));
    metric->update(no_scores, ints({}));
    CHECK(std::isnan(metric->compute()));
    metric->update(rows.scores, rows.target());
    const double value = metric->compute();
    CHECK(std::isfinite(value));
    metric->update(no_scores, ints({}));
    CHECK(metric->compute() == value);
    metric->reset();
    CHECK(std::isnan(metric->compute()));
    metric->update(rows.scores, rows.target());
    CHECK(metric->compute() == value);
  }
  for (const double score : F1(4).per_class()) CHECK(std::isnan(score));
  for (const double share : MulticlassAccuracy({.num_classes = 4}).per_class())
    CHECK(std::isnan(share));
}

TEST_CASE("metrics: what does not fit is refused by name and leaves no trace") {
  const Array scores(Shape{3, 2}, {0, 1, 0, 1, 0, 1});
  const std::vector<std::string> names{"accuracy",
                                       "confusion_matrix",
                                       "multiclass_accuracy",
                                       "multiclass_accuracy",
                                       "multiclass_accuracy",
                                       "multiclass_accuracy",
                                       "precision",
                                       "recall",
                                       "f1",
                                       "precision",
                                       "recall",
                                       "f1"};
  auto all = all_metrics(2);
  REQUIRE(all.size() == names.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    Metric& metric = *all[i];
    const std::string who = "[" + names[i] + "] ";
    metric.update(scores, ints({1, 1, 0}));
    const double value = metric.compute();
    CHECK(message<ShapeError>(metric, Array(Shape{3}, 1), ints({1, 1, 0})) ==
          who + "predictions (3): (N,classes) expected, one score a class");
    CHECK(message<ShapeError>(metric, Array(Shape{3, 0}), ints({1, 1, 0})) ==
          who + "predictions (3,0): (N,classes) expected, one score a class");
    CHECK(message<ShapeError>(metric, scores, ints({1, 1})) ==
          who + "labels (2): (3) expected, one for each row of predictions (3,2)");
    CHECK(message<ShapeError>(metric, scores, IntArray(Shape{3, 1}, 0)) ==
          who + "labels (3,1): (3) expected, one for each row of predictions (3,2)");
    CHECK(message(metric, scores, ints({1, 1, 2})) ==
          who + "label 2 of row 2: expected 0 <= label < 2");
    CHECK(message(metric, scores, ints({1, -1, 0})) ==
          who + "label -1 of row 1: expected 0 <= label < 2");
    CHECK(message(metric, scores, Tensor(Array(Shape{3}, 1))) ==
          who + "class labels expected, but the target holds values");
    CHECK(message(metric, scores, Tensor()) ==
          who + "class labels expected, but the target holds values");
    CHECK_THROWS_AS(metric.update(Array(), ints({1})), ShapeError);
    CHECK_THROWS_AS(metric.update(scores, IntArray()), ShapeError);
    CHECK(metric.compute() == value);
  }
  ConfusionMatrix three(3);
  CHECK(message<ShapeError>(three, scores, ints({1, 1, 0})) ==
        "[confusion_matrix] predictions (3,2): scores of 3 classes expected");
  CHECK_THROWS_AS(three.labelled(3), Error);
  CHECK_THROWS_AS(three.predicted(-1), Error);
}

TEST_CASE("metrics: settings that make no sense are refused") {
  CHECK_THROWS_WITH(MulticlassAccuracy({.k = 0}), "[multiclass_accuracy] k 0: expected at least 1");
  CHECK_THROWS_WITH(MulticlassAccuracy({.average = Average::macro}),
                    "[multiclass_accuracy] num_classes expected: the macro average has to know it");
  CHECK_THROWS_AS(MulticlassAccuracy({.num_classes = -1}), Error);
  CHECK_THROWS_WITH(ConfusionMatrix(0),
                    "[confusion_matrix] num_classes 0: expected a positive number");
  CHECK_THROWS_WITH(F1(-3), "[f1] num_classes -3: expected a positive number");
}
