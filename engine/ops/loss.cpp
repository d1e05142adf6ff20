#include "engine/ops/loss.h"

#include <algorithm>

#include "engine/error.h"
#include "engine/kernels/elementwise.h"
#include "engine/kernels/reduce.h"
#include "engine/kernels/softmax.h"
#include "engine/tape.h"

namespace kindling {

namespace {

const Op kLogSoftmax{"log_softmax"}, kCrossEntropy{"cross_entropy"}, kMse{"mse_loss"};

}  // namespace

// y = x - log sum e^x;  dx = dy - e^y sum dy
Tensor log_softmax(const Tensor& x) {
  check(x.rank() >= 1 && x.dim(-1) >= 1, kLogSoftmax.name, x.shape(),
        ": at least one class expected");
  Array y = kernels::log_softmax(x.value());
  return record(kLogSoftmax, y, {x}, [y](Array&& dy, Grads& grads) {
    grads.add(0, kernels::log_softmax_dx(std::move(dy), y));
  });
}

// y = -mean of q log softmax(x);  dx = dy (softmax(x) - q) / N
Tensor cross_entropy(const Tensor& scores, const IntArray& targets, Scalar label_smoothing) {
  const char* who = kCrossEntropy.name;
  check(scores.rank() == 2 && scores.dim(1) >= 1, who, "scores ", scores.shape(),
        ": (N, classes) expected");
  check(targets.shape() == Shape{scores.dim(0)}, who, "targets ", targets.shape(), " for scores ",
        scores.shape());
  check<Error>(label_smoothing >= 0 && label_smoothing <= 1, who, "label smoothing ",
               label_smoothing, ": between 0 and 1 expected");
  const auto is_class = [n = scores.dim(1)](std::int32_t t) { return 0 <= t && t < n; };
  const auto bad = std::find_if_not(targets.values().begin(), targets.values().end(), is_class);
  check(bad == targets.values().end(), who, "scores ", scores.shape(), ": target ",
        bad == targets.values().end() ? 0 : *bad, " is not a class");
  kernels::LogSumExp norm;
  const Scalar loss = kernels::cross_entropy(scores.value(), targets, label_smoothing, norm);
  return record(
      kCrossEntropy, Array::scalar(loss), {scores},
      [x = scores.value(), targets, label_smoothing, norm](const Array& dy, Grads& grads) {
        const Scalar scale = dy.item() / static_cast<Scalar>(x.dim(0));
        grads.add(0, kernels::cross_entropy_dx(x, targets, label_smoothing, norm, scale));
      });
}

// y = mean (p - t)^2;  dp = dy 2 (p - t) / n, dt = -dp
Tensor mse_loss(const Tensor& prediction, const Tensor& target) {
  check(prediction.shape() == target.shape(), kMse.name, "prediction ", prediction.shape(),
        " against target ", target.shape());
  return record(
      kMse, Array::scalar(kernels::mean_squared_error(prediction.value(), target.value())),
      {prediction, target},
      [P = prediction.value(), T = target.value()](const Array& dy, Grads& grads) {
        const Scalar scale = 2 * dy.item() / static_cast<Scalar>(P.size());
        const auto slope = [scale](const auto& p, const auto& t) { return scale * (p - t); };
        if (grads.needs(0)) grads.add(0, kernels::map(P.shape(), slope, P, T));
        if (grads.needs(1)) grads.add(1, kernels::map(P.shape(), slope, T, P));
      });
}

}  // namespace kindling
