#pragma once

#include <limits>
#include <vector>

#include "data/dataset.h"
#include "engine/archive.h"
#include "engine/array.h"

/// How good a model is, in numbers people read: gathered batch by batch, and the same however the
/// rows were cut into batches (an AveragedMetric: but for rounding). Sums are doubles, counts
/// integers.
///
/// Classification metrics see predictions (N, classes), one score a class, larger meaning likelier
/// (logits will do), and the class labels (N). Anything else throws before a row is counted:
/// ShapeError for shapes that do not fit, Error for a label outside [0, classes) or a target that
/// holds values. The predicted class is the first largest score, and a NaN counts as the largest.
/// Of no rows at all every metric is NaN.
///
/// The definitions are those of torcheval (torcheval/metrics/functional/classification); where we
/// say something else, the class says so.
namespace kindling::metrics {

/// A number gathered batch by batch.
class Metric {
 public:
  virtual ~Metric() = default;
  /// Forgets every row.
  virtual void reset() = 0;
  /// Counts the rows of one more batch. What fits, and what is thrown when it does not, is said at
  /// kindling::metrics.
  virtual void update(const Array& predictions, const Target& target) = 0;
  /// The number, for the rows since the last reset().
  virtual double compute() const = 0;
  /// What was gathered since then, so that a fit that is interrupted can go on.
  virtual void state(Archive& archive) = 0;
};

/// Weighted mean of plain numbers: sum(w v) / sum(w). Not a Metric, as it sees numbers and not
/// predictions: the loss of an epoch is the Mean of its batches' losses, by batch size.
class Mean {
 public:
  /// Forgets every number.
  void reset() { *this = {}; }
  /// A value that is not finite shows in the result, unless its weight is 0. Throws Error when the
  /// weight is negative or not finite.
  void update(double value, double weight = 1);
  /// NaN while the weights sum to 0.
  double compute() const {
    return weight_ > 0 ? sum_ / weight_ : std::numeric_limits<double>::quiet_NaN();
  }
  /// As Metric::state().
  void state(Archive& archive);

 private:
  double sum_ = 0, weight_ = 0;
};

/// The course's Metric (notebook 09): a number for each batch, averaged by batch size. The way to
/// write a metric of one's own that is a mean over rows; it may look at labels or at values.
class AveragedMetric : public Metric {
 public:
  void reset() override { mean_.reset(); }
  /// A batch of no rows is passed over. Throws ShapeError when predictions is not (N, ...).
  void update(const Array& predictions, const Target& target) override;
  double compute() const override { return mean_.compute(); }
  void state(Archive& archive) override { mean_.state(archive); }

  /// The number for one batch of at least one row.
  virtual double calc(const Array& predictions, const Target& target) const = 0;

 private:
  Mean mean_;
};

/// The course's Accuracy: the share of rows whose predicted class is the label.
class Accuracy : public AveragedMetric {
 public:
  double calc(const Array& predictions, const Target& target) const override;
};

/// How one number is made of many classes.
enum class Average {
  micro,  ///< All rows in one pot: every row counts the same.
  macro,  ///< The mean over classes: every class counts the same, however rare.
};

/// Settings of MulticlassAccuracy.
struct MulticlassAccuracyOptions {
  /// Over rows or over classes.
  Average average = Average::micro;
  int num_classes = 0;  ///< 0: as many as there are scores. Macro has to know.
  int k = 1;            ///< A row is right when its label is among the k highest scores.
};

/// The share of rows that are right; macro: the mean of the shares of each class, over the classes
/// that have rows. torcheval's multiclass_accuracy.
///
/// For k = 1 right means that the predicted class is the label. For k > 1 it means rank < k, where
/// the rank is the number of scores strictly greater than the label's: a tie counts in favour of
/// the row. (So a row of equal scores is right for k > 1 whatever its label, but for k = 1 only if
/// the label is 0.) Not torcheval's: NaN ranks above every number, and a label's own NaN below
/// everything; by plain comparison it would rank first, and a model that has diverged would be
/// perfect.
class MulticlassAccuracy : public Metric {
 public:
  /// Throws Error when k < 1, num_classes < 0, or macro is not told num_classes.
  explicit MulticlassAccuracy(MulticlassAccuracyOptions options = {});

  void reset() override;
  void update(const Array& predictions, const Target& target) override;
  double compute() const override;
  void state(Archive& archive) override;
  /// The share of each class (num_classes); NaN for a class without rows. Throws Error when
  /// num_classes was not given.
  std::vector<double> per_class() const;

 private:
  MulticlassAccuracyOptions options_;
  // By label; in one pot while the number of classes is not known.
  std::vector<Index> correct_, rows_;
};

/// How often each class was taken for each. torcheval's multiclass_confusion_matrix, not
/// normalized. What is asked about one class throws Error when there is no such class.
class ConfusionMatrix : public Metric {
 public:
  /// `who` is what errors call it. Throws Error unless num_classes > 0.
  explicit ConfusionMatrix(int num_classes, const char* who = "confusion_matrix");

  void reset() override;
  void update(const Array& predictions, const Target& target) override;
  /// What the diagonal holds of the whole: the accuracy.
  double compute() const override;
  void state(Archive& archive) override;

  /// (classes, classes): a row for the label, a column for the prediction. Throws Error when a
  /// count does not fit 32 bits.
  IntArray counts() const;

  /// As given to the constructor.
  int num_classes() const { return num_classes_; }
  Index rows() const;     ///< All that were counted.
  Index correct() const;  ///< Those on the diagonal.

  // Of one class.
  Index labelled(int c) const;                     ///< Rows of class c: TP + FN.
  Index predicted(int c) const;                    ///< Rows taken for class c: TP + FP.
  Index correct(int c) const { return at(c, c); }  ///< Rows of class c taken for it: TP.

 private:
  Index at(int label, int prediction) const;

  int num_classes_;
  const char* who_;
  std::vector<Index> counts_;  // (label, prediction), row-major
};

/// What precision, recall and F1 have in common: a ratio of a class's TP, TP + FN and TP + FP.
///
/// Micro puts these counts of all classes together. As every row has one label and one prediction,
/// all three are then the accuracy. Macro is the mean over the classes that occur, as a label or as
/// a prediction. A ratio that is 0/0 for a class that occurs (precision of a class never predicted,
/// recall of one that was never the label) counts as 0.
class ClassScore : public Metric {
 public:
  void reset() override { confusion_.reset(); }
  void update(const Array& predictions, const Target& target) override {
    confusion_.update(predictions, target);
  }
  double compute() const override;
  void state(Archive& archive) override { confusion_.state(archive); }
  /// The score of each class (num_classes); NaN for a class that does not occur (torcheval: 0).
  std::vector<double> per_class() const;
  /// What the score is computed from.
  const ConfusionMatrix& confusion() const { return confusion_; }

 protected:
  /// Throws Error unless num_classes > 0.
  ClassScore(int num_classes, Average average, const char* who)
      : confusion_(num_classes, who), average_(average) {}

 private:
  /// At least one of labelled and predicted is positive.
  virtual double score(Index correct, Index labelled, Index predicted) const = 0;

  ConfusionMatrix confusion_;
  Average average_;
};

/// TP / (TP + FP): of the rows taken for the class, the share that is. torcheval's
/// multiclass_precision.
class Precision : public ClassScore {
 public:
  /// Throws Error unless num_classes > 0.
  explicit Precision(int num_classes, Average average = Average::micro)
      : ClassScore(num_classes, average, "precision") {}

 private:
  double score(Index correct, Index labelled, Index predicted) const override;
};

/// TP / (TP + FN): of the rows of the class, the share that was found. torcheval's
/// multiclass_recall.
class Recall : public ClassScore {
 public:
  /// Throws Error unless num_classes > 0.
  explicit Recall(int num_classes, Average average = Average::micro)
      : ClassScore(num_classes, average, "recall") {}

 private:
  double score(Index correct, Index labelled, Index predicted) const override;
};

/// The harmonic mean of precision and recall, 2 TP / (2 TP + FP + FN). torcheval's
/// multiclass_f1_score.
class F1 : public ClassScore {
 public:
  /// Throws Error unless num_classes > 0.
  explicit F1(int num_classes, Average average = Average::micro)
      : ClassScore(num_classes, average, "f1") {}

 private:
  double score(Index correct, Index labelled, Index predicted) const override;
};

}  // namespace kindling::metrics
