#include "engine/ops/norm.h"

#include <cmath>
#include <limits>

#include "engine/error.h"
#include "engine/kernels/elementwise.h"
#include "engine/ops/pending.h"
#include "engine/tape.h"

namespace kindling {

namespace {

const Op kBatchNorm{"batch_norm"}, kBatchNormEval{"batch_norm_eval"};

void check_norm(const Op& op, const Tensor& x, const Tensor& weight, const Tensor& bias) {
  check(x.rank() >= 1, op.name, "x ", x.shape(), ": (..., channels) expected");
  const Shape channels{x.dim(-1)};
  check(weight.shape() == channels && bias.shape() == channels, op.name, "x ", x.shape(),
        ": weight ", weight.shape(), " and bias ", bias.shape(), " expected to be ", channels);
}

template <class F, class... Xs>
Array per_channel(const F& f, const Array& x, const Xs&... xs) {
  return kernels::map(x.shape(), f, x, xs...);
}

/// scale = weight / std, shift = bias - mean scale
NormState prepare(const Array& x, const Moments& moments, const Array& weight, const Array& bias,
                  Scalar eps, Scalar rows) {
  const auto inverse = [eps](const auto& v) { return 1 / math::sqrt(v + eps); };
  const auto times = [](const auto& a, const auto& b) { return a * b; };
  const auto shift = [](const auto& b, const auto& m, const auto& s) { return b - m * s; };
  const Array invstd = per_channel(inverse, moments.variance);
  const Array scale = per_channel(times, weight, invstd);
  return {x, moments.mean, invstd, {scale, per_channel(shift, bias, moments.mean, scale)}, rows};
}

/// dx = scale (dz - mean dz - xhat mean(dz xhat)), sorted by dz, x and the rest.
kernels::NormGradient gradient(const NormState& norm, const kernels::NormSums& sums) {
  const auto by_x = [n = norm.rows](const auto& s, const auto& i, const auto& dz_x) {
    return -(s * i * i * dz_x) / n;
  };
  const auto rest = [n = norm.rows](const auto& s, const auto& dz, const auto& b, const auto& m) {
    return -(s * dz) / n - b * m;
  };
  const Array b = per_channel(by_x, norm.affine.scale, norm.invstd, sums.dz_x);
  return {norm.affine.scale, b, per_channel(rest, norm.affine.scale, sums.dz, b, norm.mean)};
}

/// Two passes over memory, whether the gradient is there or pending behind an activation: then the
/// pass that sums it up computes it, too.
void backward(const NormState& norm, Lazy&& dz, Grads& grads) {
  kernels::NormSums sums;
  if (auto* pending = dz.pending<PendingActivationGradient>()) {
    sums = kernels::norm_sums(pending->dy.get(), pending->y, pending->f, norm.x, norm.mean);
    pending->settle(std::move(pending->dy));
  } else {
    sums = kernels::norm_sums(dz, norm.x, norm.mean);
  }
  // dweight = sum dz xhat, dbias = sum dz
  const auto times = [](const auto& s, const auto& i) { return s * i; };
  if (grads.needs(1)) grads.add(1, per_channel(times, sums.dz_x, norm.invstd));
  if (grads.needs(2)) grads.add(2, sums.dz);
  if (!grads.needs(0)) return;
  if (std::isinf(norm.rows))  // nothing comes back through moments that are constants
    grads.add(0, kernels::map_over(std::move(dz), times, norm.affine.scale));
  else
    grads.add(0, kernels::norm_dx(std::move(dz), norm.x, gradient(norm, sums)));
}

// y = weight xhat + bias, xhat = (x - mean) / std, put off;
// dx = weight / std (dy - mean dy - xhat mean(dy xhat))
Tensor normalise(const Op& op, const Tensor& x, const Tensor& weight, const Tensor& bias,
                 const Moments& moments, Scalar eps, Scalar rows) {
  const auto norm = make_recycled<const NormState>(
      prepare(x.value(), moments, weight.value(), bias.value(), eps, rows));
  return record(op, make_recycled<PendingNorm>(norm), {x, weight, bias},
                [norm](Lazy&& dz, Grads& grads) { backward(*norm, std::move(dz), grads); });
}

}  // namespace

Tensor batch_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, Scalar eps,
                  Moments* seen) {
  check_norm(kBatchNorm, x, weight, bias);
  const Index rows = x.dim(-1) ? x.size() / x.dim(-1) : 2;
  check(rows >= 2, kBatchNorm.name, "x ", x.shape(), ": at least two rows expected in training");
  const Moments moments = kernels::moments(x.value());
  if (seen) *seen = moments;
  return normalise(kBatchNorm, x, weight, bias, moments, eps, static_cast<Scalar>(rows));
}

Tensor batch_norm_eval(const Tensor& x, const Tensor& weight, const Tensor& bias,
                       const Moments& running, Scalar eps) {
  check_norm(kBatchNormEval, x, weight, bias);
  check(running.mean.shape() == weight.shape() && running.variance.shape() == weight.shape(),
        kBatchNormEval.name, "x ", x.shape(), ": moments ", running.mean.shape(), " and ",
        running.variance.shape());
  return normalise(kBatchNormEval, x, weight, bias, running, eps,
                   std::numeric_limits<Scalar>::infinity());
}

}  // namespace kindling
