#include "nn/norm.h"

#include <cmath>

#include "engine/error.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/layout.h"
#include "engine/ops/norm.h"
#include "engine/ops/reduce.h"
#include "engine/ops/update.h"

namespace kindling::nn {

inline namespace KINDLING_PRECISION {

namespace {

/// running += share * (seen - running)
void blend(Tensor& running, const Array& seen, double share) {
  Array& value = running.mutable_value();
  scale(value, static_cast<Scalar>(1 - share));
  add_scaled(value, static_cast<Scalar>(share), seen);
}

/// (x - mean) / deviation over these axes.
Tensor standardized(const Tensor& x, const Axes& axes, double eps) {
  const Tensor centered = x - mean(x, axes, true);
  const Tensor variance = mean(centered * centered, axes, true);
  return centered / sqrt(variance + static_cast<Scalar>(eps));
}

}  // namespace

BatchNorm::BatchNorm(const char* who, Index channels, BatchNormOptions options)
    : who_(who), options_(options) {
  check(channels >= 1, who, channels, " channels: at least 1 expected");
  check<Error>(options.eps >= 0 && std::isfinite(options.eps), who, "eps ", options.eps,
               ": a finite number of at least 0 expected");
  check<Error>(options.momentum >= 0 && options.momentum <= 1, who, "momentum ", options.momentum,
               ": in [0, 1] expected");
  const Shape shape{channels};
  weight = parameter("weight", Array(shape, Scalar{1}));
  bias = parameter("bias", Array(shape, Scalar{0}));
  running_mean = buffer("running_mean", Array(shape, Scalar{0}));
  running_var = buffer("running_var", Array(shape, Scalar{1}));
  num_batches_tracked = buffer("num_batches_tracked", Array::scalar(0));
}

std::string BatchNorm::extra() const {
  return str(weight.dim(0), ", eps ", options_.eps, ", momentum ", options_.momentum);
}

Tensor BatchNorm::forward(const Tensor& x) {
  check(x.rank() >= 1 && x.dim(-1) == weight.dim(0), who_, "x ", x.shape(), ": ", weight.dim(0),
        " channels expected");
  const Scalar eps = static_cast<Scalar>(options_.eps);
  if (!training())
    return batch_norm_eval(x, weight, bias, {running_mean.value(), running_var.value()}, eps);
  Moments seen;
  const Tensor y = batch_norm(x, weight, bias, eps, &seen);
  const double n = static_cast<double>(x.size() / x.dim(-1));
  scale(seen.variance, static_cast<Scalar>(n / (n - 1)));
  blend(running_mean, seen.mean, options_.momentum);
  blend(running_var, seen.variance, options_.momentum);
  num_batches_tracked.mutable_value().data()[0] += 1;
  return y;
}

Tensor BatchNorm1d::forward(const Tensor& x) {
  check(x.rank() == 2 || x.rank() == 3, "batch_norm1d", "x ", x.shape(),
        ": (N,C) or (N,L,C) expected");
  return BatchNorm::forward(x);
}

Tensor BatchNorm2d::forward(const Tensor& x) {
  check(x.rank() == 4, "batch_norm2d", "x ", x.shape(), ": images (N,H,W,C) expected");
  return BatchNorm::forward(x);
}

LayerNorm::LayerNorm(Index features, double eps) : eps_(eps) {
  check(features >= 1, "layer_norm", "features ", features, ": at least 1 expected");
  check<Error>(eps > 0, "layer_norm", "eps ", eps, ": a positive number expected");
  weight = parameter("weight", Array(Shape{features}, Scalar{1}));
  bias = parameter("bias", Array(Shape{features}, Scalar{0}));
}

std::string LayerNorm::extra() const { return str(weight.dim(0), ", eps ", eps_); }

Tensor LayerNorm::forward(const Tensor& x) {
  check(x.rank() >= 1 && x.dim(-1) == weight.dim(0), "layer_norm", "x ", x.shape(), ": ",
        weight.dim(0), " features expected");
  return standardized(x, {-1}, eps_) * weight + bias;
}

GroupNorm::GroupNorm(Index groups, Index channels, double eps) : groups_(groups), eps_(eps) {
  check<Error>(groups >= 1 && channels >= 1 && channels % groups == 0, "group_norm", channels,
               " channels in ", groups, " groups: equal groups expected");
  check<Error>(eps > 0, "group_norm", "eps ", eps, ": a positive number expected");
  weight = parameter("weight", Array(Shape{channels}, Scalar{1}));
  bias = parameter("bias", Array(Shape{channels}, Scalar{0}));
}

std::string GroupNorm::extra() const { return str(groups_, ", ", weight.dim(0), ", eps ", eps_); }

Tensor GroupNorm::forward(const Tensor& x) {
  const Index channels = weight.dim(0);
  check(x.rank() >= 2 && x.dim(-1) == channels, "group_norm", "x ", x.shape(), ": ", channels,
        " channels expected");
  const Index n = x.dim(0), pixels = n == 0 ? 0 : x.size() / (n * channels);
  const Tensor grouped = reshape(x, {n, pixels, groups_, channels / groups_});
  return reshape(standardized(grouped, {1, 3}, eps_), x.shape()) * weight + bias;
}

}  // namespace KINDLING_PRECISION
}  // namespace kindling::nn
