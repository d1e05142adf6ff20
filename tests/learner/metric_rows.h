#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "engine/error.h"
#include "engine/random.h"
#include "learner/metrics.h"

/// Rows to count, and short ways to count them, for the tests of metrics.
namespace kindling::test {

using namespace metrics;

inline constexpr Scalar kNaN = std::numeric_limits<Scalar>::quiet_NaN();
inline constexpr Scalar kInf = std::numeric_limits<Scalar>::infinity();

inline IntArray ints(const std::vector<std::int32_t>& values) {
  return IntArray(Shape{static_cast<Index>(values.size())}, std::span(values));
}

/// Scores that are 1 for the predicted class and 0 for the others.
inline Array one_hot(const std::vector<std::int32_t>& predicted, Index classes) {
  Array scores(Shape{static_cast<Index>(predicted.size()), classes}, 0);
  for (std::size_t i = 0; i < predicted.size(); ++i)
    scores.data()[static_cast<Index>(i) * classes + predicted[i]] = 1;
  return scores;
}

struct Rows {
  Array scores;
  IntArray labels;
  Target target() const { return labels; }
};

/// Random scores on a coarse grid, so that many of them tie, and labels that leave out class 0.
inline Rows random_rows(Index n, int classes, std::uint64_t seed) {
  Random random(seed);
  Array scores = random.uniform(Shape{n, classes}, 0, 6);
  for (Index i = 0; i < scores.size(); ++i) scores.data()[i] = std::floor(scores[i]);
  const Array numbers = random.uniform(Shape{n}, 1, static_cast<Scalar>(classes));
  IntArray labels(Shape{n});
  for (Index i = 0; i < n; ++i) labels.data()[i] = static_cast<std::int32_t>(numbers[i]);
  return {scores, labels};
}

inline int first_largest(const Array& scores, Index row) {
  const Index classes = scores.dim(1);
  const Scalar* begin = scores.data() + row * classes;
  return static_cast<int>(std::max_element(begin, begin + classes) - begin);
}

template <class M>
double of(M metric, const Array& scores, const Target& target) {
  metric.update(scores, target);
  return metric.compute();
}

template <class E = Error>
std::string message(Metric& metric, const Array& scores, const Target& target) {
  try {
    metric.update(scores, target);
  } catch (const E& error) {
    return error.what();
  }
  return "nothing thrown";
}

/// One of each, of `classes` classes.
inline std::vector<std::unique_ptr<Metric>> all_metrics(int classes) {
  std::vector<std::unique_ptr<Metric>> all;
  all.push_back(std::make_unique<Accuracy>());
  all.push_back(std::make_unique<ConfusionMatrix>(classes));
  for (const int k : {1, 3}) {
    all.push_back(std::make_unique<MulticlassAccuracy>(MulticlassAccuracyOptions{.k = k}));
    all.push_back(std::make_unique<MulticlassAccuracy>(
        MulticlassAccuracyOptions{.average = Average::macro, .num_classes = classes, .k = k}));
  }
  for (const Average average : {Average::micro, Average::macro}) {
    all.push_back(std::make_unique<Precision>(classes, average));
    all.push_back(std::make_unique<Recall>(classes, average));
    all.push_back(std::make_unique<F1>(classes, average));
  }
  return all;
}

}  // namespace kindling::test
