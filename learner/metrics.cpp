#include "learner/metrics.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <span>
#include <variant>

#include "engine/error.h"
#include "engine/ops/reduce.h"

namespace kindling::metrics {

namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

Index total(const std::vector<Index>& counts) {
  return std::accumulate(counts.begin(), counts.end(), Index{0});
}

double ratio(Index part, Index whole) {
  return whole == 0 ? kNaN : static_cast<double>(part) / static_cast<double>(whole);
}

/// The mean of the values that are not NaN; NaN when none is left.
double mean_of_defined(const std::vector<double>& values) {
  Mean mean;
  for (const double value : values)
    if (!std::isnan(value)) mean.update(value);
  return mean.compute();
}

/// Counts are counts, as many as there were, and leave room for more.
void counts_state(Archive& archive, const std::string& name, std::vector<Index>& counts) {
  const std::size_t n = counts.size();
  std::vector<Index> loaded = counts;
  archive(name, loaded);
  bool fine = loaded.size() == n;
  Index room = Archive::kMaxCount;
  for (const Index count : loaded) {
    fine = fine && count >= 0 && count <= room;
    room -= fine ? count : 0;
  }
  archive.expect(fine, name, str(n, " counts of at least 0, and no more than anybody could count"));
  counts = std::move(loaded);
}

/// The labels (N) of predictions (N, classes), once everything fits. num_classes = 0 is any number.
const IntArray& checked_labels(const char* who, const Array& predictions, const Target& target,
                               int num_classes = 0) {
  const Shape& shape = predictions.shape();
  check(shape.rank() == 2 && shape[1] > 0, who, "predictions ", shape,
        ": (N,classes) expected, one score a class");
  check(num_classes == 0 || shape[1] == num_classes, who, "predictions ", shape, ": scores of ",
        num_classes, " classes expected");
  const auto* labels = std::get_if<IntArray>(&target);
  check<Error>(labels != nullptr, who, "class labels expected, but the target holds values");
  check(labels->shape() == Shape{shape[0]}, who, "labels ", labels->shape(), ": (", shape[0],
        ") expected, one for each row of predictions ", shape);
  Index row = 0;
  for (const std::int32_t label : labels->values()) {
    check<Error>(label >= 0 && label < shape[1], who, "label ", label, " of row ", row,
                 ": expected 0 <= label < ", shape[1]);
    ++row;
  }
  return *labels;
}

IntArray predicted_classes(const Array& predictions) { return argmax(Tensor(predictions)); }

bool in_top_k(std::span<const Scalar> scores, std::int32_t label, int k) {
  const Scalar own = scores[static_cast<std::size_t>(label)];
  Index rank = 0;
  for (std::size_t c = 0; c < scores.size(); ++c)
    // Not `score > own`: a NaN on either side has to count against the row.
    if (static_cast<std::int32_t>(c) != label && !(scores[c] <= own)) ++rank;
  return rank < k;
}

}  // namespace

void Mean::update(double value, double weight) {
  check<Error>(weight >= 0 && std::isfinite(weight), "mean", "weight ", weight,
               ": expected a finite number of at least 0");
  if (weight == 0) return;  // 0 times a NaN would still be one
  sum_ += value * weight;
  weight_ += weight;
}

void Mean::state(Archive& archive) {
  archive("sum", sum_);
  archive("weight", weight_);
}

void AveragedMetric::update(const Array& predictions, const Target& target) {
  check(predictions.rank() > 0, "metric", "predictions ", predictions.shape(),
        ": an axis of rows expected");
  const Index rows = predictions.dim(0);
  if (rows > 0) mean_.update(calc(predictions, target), static_cast<double>(rows));
}

double Accuracy::calc(const Array& predictions, const Target& target) const {
  const IntArray& labels = checked_labels("accuracy", predictions, target);
  const IntArray classes = predicted_classes(predictions);
  Index correct = 0;
  for (Index i = 0; i < labels.size(); ++i) correct += classes[i] == labels[i];
  return ratio(correct, labels.size());
}

MulticlassAccuracy::MulticlassAccuracy(MulticlassAccuracyOptions options) : options_(options) {
  const char* who = "multiclass_accuracy";
  check<Error>(options_.k >= 1, who, "k ", options_.k, ": expected at least 1");
  check<Error>(options_.num_classes >= 0, who, "num_classes ", options_.num_classes,
               ": expected a positive number, or 0 for as many as there are scores");
  check<Error>(options_.average == Average::micro || options_.num_classes > 0, who,
               "num_classes expected: the macro average has to know it");
  reset();
}

void MulticlassAccuracy::reset() {
  const std::size_t pots = options_.num_classes > 0 ? options_.num_classes : 1;
  correct_.assign(pots, 0);
  rows_.assign(pots, 0);
}

void MulticlassAccuracy::update(const Array& predictions, const Target& target) {
  const auto& [average, num_classes, k] = options_;
  const IntArray& labels = checked_labels("multiclass_accuracy", predictions, target, num_classes);
  const IntArray classes = k == 1 ? predicted_classes(predictions) : IntArray();
  const std::size_t width = static_cast<std::size_t>(predictions.dim(1));
  for (Index i = 0; i < labels.size(); ++i) {
    const std::int32_t label = labels[i];
    const bool right = k == 1 ? classes[i] == label
                              : in_top_k(predictions.values().subspan(i * width, width), label, k);
    const std::size_t pot = num_classes > 0 ? label : 0;
    rows_[pot] += 1;
    correct_[pot] += right;
  }
}

double MulticlassAccuracy::compute() const {
  if (options_.average == Average::macro) return mean_of_defined(per_class());
  return ratio(total(correct_), total(rows_));
}

void MulticlassAccuracy::state(Archive& archive) {
  counts_state(archive, "correct", correct_);
  counts_state(archive, "rows", rows_);
}

std::vector<double> MulticlassAccuracy::per_class() const {
  check<Error>(options_.num_classes > 0, "multiclass_accuracy",
               "num_classes expected: a share of each class was asked for");
  std::vector<double> shares;
  for (std::size_t c = 0; c < rows_.size(); ++c) shares.push_back(ratio(correct_[c], rows_[c]));
  return shares;
}

ConfusionMatrix::ConfusionMatrix(int num_classes, const char* who)
    : num_classes_(num_classes), who_(who) {
  check<Error>(num_classes > 0, who, "num_classes ", num_classes, ": expected a positive number");
  reset();
}

void ConfusionMatrix::reset() {
  const std::size_t n = num_classes_;
  counts_.assign(n * n, 0);
}

void ConfusionMatrix::update(const Array& predictions, const Target& target) {
  const IntArray& labels = checked_labels(who_, predictions, target, num_classes_);
  const IntArray classes = predicted_classes(predictions);
  for (Index i = 0; i < labels.size(); ++i)
    counts_[Index{labels[i]} * num_classes_ + classes[i]] += 1;
}

double ConfusionMatrix::compute() const { return ratio(correct(), rows()); }

void ConfusionMatrix::state(Archive& archive) { counts_state(archive, "counts", counts_); }

IntArray ConfusionMatrix::counts() const {
  IntArray counts(Shape{num_classes_, num_classes_});
  std::int32_t* out = counts.data();
  for (const Index count : counts_) {
    check<Error>(count <= std::numeric_limits<std::int32_t>::max(), who_, "count ", count,
                 ": does not fit 32 bits");
    *out++ = static_cast<std::int32_t>(count);
  }
  return counts;
}

Index ConfusionMatrix::at(int label, int prediction) const {
  for (const int c : {label, prediction})
    check<Error>(c >= 0 && c < num_classes_, who_, "class ", c, ": expected 0 <= class < ",
                 num_classes_);
  return counts_[Index{label} * num_classes_ + prediction];
}

Index ConfusionMatrix::rows() const { return total(counts_); }

Index ConfusionMatrix::correct() const {
  Index sum = 0;
  for (int c = 0; c < num_classes_; ++c) sum += correct(c);
  return sum;
}

Index ConfusionMatrix::labelled(int c) const {
  Index sum = 0;
  for (int prediction = 0; prediction < num_classes_; ++prediction) sum += at(c, prediction);
  return sum;
}

Index ConfusionMatrix::predicted(int c) const {
  Index sum = 0;
  for (int label = 0; label < num_classes_; ++label) sum += at(label, c);
  return sum;
}

double ClassScore::compute() const {
  if (average_ == Average::macro) return mean_of_defined(per_class());
  // All classes together have as many labels as predictions: one each a row.
  const Index rows = confusion_.rows();
  return rows == 0 ? kNaN : score(confusion_.correct(), rows, rows);
}

std::vector<double> ClassScore::per_class() const {
  std::vector<double> scores;
  for (int c = 0; c < confusion_.num_classes(); ++c) {
    const Index labelled = confusion_.labelled(c), predicted = confusion_.predicted(c);
    const bool occurs = labelled + predicted > 0;
    scores.push_back(occurs ? score(confusion_.correct(c), labelled, predicted) : kNaN);
  }
  return scores;
}

double Precision::score(Index correct, Index, Index predicted) const {
  return predicted == 0 ? 0 : ratio(correct, predicted);
}

double Recall::score(Index correct, Index labelled, Index) const {
  return labelled == 0 ? 0 : ratio(correct, labelled);
}

double F1::score(Index correct, Index labelled, Index predicted) const {
  return ratio(2 * correct, labelled + predicted);  // 2 TP + FP + FN = (TP + FN) + (TP + FP)
}

}  // namespace kindling::metrics
