#include "engine/ops/norm.h"

#include "engine/error.h"
#include "engine/kernels/elementwise.h"
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

/// A normalisation as it is computed: y = scale x + shift. All of it (C).
struct Affine {
  Array mean, invstd, weight, scale, shift;

  Affine(const Moments& moments, const Array& w, const Array& bias, Scalar eps)
      : mean(moments.mean), weight(w) {
    const auto map = [&](const auto& f, const auto&... xs) {
      return kernels::map(mean.shape(), f, xs...);
    };
    invstd = map([eps](const auto& v) { return 1 / math::sqrt(v + eps); }, moments.variance);
    scale = map([](const auto& a, const auto& b) { return a * b; }, weight, invstd);
    shift = map([](const auto& b, const auto& m, const auto& s) { return b - m * s; }, bias, mean,
                scale);
  }

  /// dx = scale (dy - mean dy - xhat mean(dy xhat)), sorted by dy, x and the rest; the means are
  /// over n rows. No n: mean and deviation were constants.
  kernels::NormGradient gradient(const kernels::NormSums& sums, Scalar n) const {
    const auto b = [n](const auto& s, const auto& i, const auto& dy_x) {
      return -(s * i * i * dy_x) / n;
    };
    const auto c = [n](const auto& s, const auto& dy, const auto& k, const auto& m) {
      return -(s * dy) / n - k * m;
    };
    const Array k = kernels::map(mean.shape(), b, scale, invstd, sums.dy_x);
    return {scale, k, kernels::map(mean.shape(), c, scale, sums.dy, k, mean)};
  }
};

/// dweight = sum dy xhat, dbias = sum dy
void add_parameter_gradients(const kernels::NormSums& sums, const Array& invstd, Grads& grads) {
  const auto times = [](const auto& s, const auto& i) { return s * i; };
  if (grads.needs(1)) grads.add(1, kernels::map(invstd.shape(), times, sums.dy_x, invstd));
  if (grads.needs(2)) grads.add(2, sums.dy);
}

}  // namespace

// y = weight xhat + bias, xhat = (x - mean) / std;
// dx = weight / std (dy - mean dy - xhat mean(dy xhat))
Tensor batch_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, Scalar eps,
                  Moments* seen) {
  check_norm(kBatchNorm, x, weight, bias);
  const Index rows = x.dim(-1) ? x.size() / x.dim(-1) : 2;
  check(rows >= 2, kBatchNorm.name, "x ", x.shape(), ": at least two rows expected in training");
  const Moments moments = kernels::moments(x.value());
  if (seen) *seen = moments;
  const Affine affine(moments, weight.value(), bias.value(), eps);
  return record(
      kBatchNorm, kernels::scale_shift(x.value(), affine.scale, affine.shift), {x, weight, bias},
      [X = x.value(), affine, n = static_cast<Scalar>(rows)](const Array& dy, Grads& grads) {
        const auto sums = kernels::norm_sums(dy, X, affine.mean);
        add_parameter_gradients(sums, affine.invstd, grads);
        if (grads.needs(0)) grads.add(0, kernels::norm_dx(dy, X, affine.gradient(sums, n)));
      });
}

// y = scale x + shift;  dx = scale dy
Tensor batch_norm_eval(const Tensor& x, const Tensor& weight, const Tensor& bias,
                       const Moments& running, Scalar eps) {
  check_norm(kBatchNormEval, x, weight, bias);
  check(running.mean.shape() == weight.shape() && running.variance.shape() == weight.shape(),
        kBatchNormEval.name, "x ", x.shape(), ": moments ", running.mean.shape(), " and ",
        running.variance.shape());
  const Affine affine(running, weight.value(), bias.value(), eps);
  return record(kBatchNormEval, kernels::scale_shift(x.value(), affine.scale, affine.shift),
                {x, weight, bias}, [X = x.value(), affine](const Array& dy, Grads& grads) {
                  if (grads.needs(1) || grads.needs(2))
                    add_parameter_gradients(kernels::norm_sums(dy, X, affine.mean), affine.invstd,
                                            grads);
                  const Array zero(affine.scale.shape(), Scalar{0});
                  if (grads.needs(0)) grads.add(0, kernels::scale_shift(dy, affine.scale, zero));
                });
}

}  // namespace kindling
