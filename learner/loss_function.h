#pragma once

#include <concepts>
#include <functional>
#include <utility>

#include "data/dataset.h"

namespace kindling {

/// What a Learner minimises: made from any function of (predictions, labels) or of (predictions,
/// values), which decides what a batch has to hold; a lambda names the types. It returns a single
/// number. Values have the shape that the dataset gives them, (N, 1) for a column of a table: a
/// loss of one's own compares shapes first, as mse_loss() does, or (N, 1) - (N) is (N, N). A loss
/// that needs more of the batch is TrainLearner::get_loss(), overridden.
class LossFunction {
 public:
  /// From a function of (predictions, labels), or one that takes either.
  template <class F>
  requires std::invocable<F&, const Tensor&, const IntArray&> LossFunction(
      F f)  // NOLINT: implicit on purpose
      : call_([f = std::move(f)](const Tensor& preds, const Batch& batch) mutable {
          return f(preds, batch.labels());
        }) {}

  /// From a function of (predictions, values).
  template <class F>
  requires(std::invocable<F&, const Tensor&, const Tensor&> &&
           !std::invocable<F&, const Tensor&, const IntArray&>)
      LossFunction(F f)  // NOLINT: implicit on purpose
      : call_([f = std::move(f)](const Tensor& preds, const Batch& batch) mutable {
          return f(preds, batch.values());
        }) {}

  /// Throws Error when the batch holds the other kind of target, and what the function throws.
  Tensor operator()(const Tensor& preds, const Batch& batch) const { return call_(preds, batch); }

 private:
  std::function<Tensor(const Tensor&, const Batch&)> call_;
};

}  // namespace kindling
