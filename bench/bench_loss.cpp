// Losses of 64 MiB of scores, forward and backward.

#include <cmath>

#include "bench/memory_bound.h"
#include "engine/ops/loss.h"

namespace kindling::bench {

namespace {

constexpr Index kClasses = 64, kRows = kNumbers / kClasses;

Index target(Index row) { return row * 7 % kClasses; }
IntArray targets() {
  IntArray labels(Shape{kRows});
  std::int32_t* out = labels.data();
  for (Index i = 0; i < kRows; ++i) out[i] = static_cast<std::int32_t>(target(i));
  return labels;
}

double log_sum(const Array& x, Index row) {
  double sum = 0;
  for (Index j = 0; j < kClasses; ++j) sum += std::exp(double{x[row * kClasses + j]});
  return std::log(sum);
}

}  // namespace

void loss_cases(Cases& cases) {
  cases.push_back(memory_bound("loss/log-softmax", 1, 1, [] {
    const Array a = large({kRows, kClasses}, 1);
    return ours_alone([x = Tensor(a)] { return log_softmax(x).value(); },
                      [a](Index i) { return a[i] - log_sum(a, i / kClasses); });
  }));
  cases.push_back(memory_bound("loss/cross-entropy", 1, 0, [] {
    const Array a = large({kRows, kClasses}, 1);
    double loss = 0;
    for (Index row = 0; row < kRows; ++row)
      loss += (log_sum(a, row) - a[row * kClasses + target(row)]) / kRows;
    return ours_alone([x = Tensor(a), y = targets()] { return cross_entropy(x, y).value(); },
                      [loss](Index) { return loss; });
  }));
  cases.push_back(memory_bound("loss/cross-entropy-backward", 1, 1, [] {
    const Array a = large({kRows, kClasses}, 1);
    return gradient_alone(
        a, [y = targets()](const Tensor& x) { return cross_entropy(x, y); }, Array(Shape{}, kRows),
        [a](Index i) {
          const Index row = i / kClasses;
          return std::exp(a[i] - log_sum(a, row)) - (i % kClasses == target(row) ? 1 : 0);
        });
  }));
}

}  // namespace kindling::bench
