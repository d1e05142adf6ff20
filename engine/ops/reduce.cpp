#include "engine/ops/reduce.h"

#include "engine/kernels/elementwise.h"
#include "engine/kernels/reduce.h"
#include "engine/tape.h"

namespace kindling {

namespace {

const Op kSum{"sum"}, kMean{"mean"}, kVar{"var"}, kStd{"stddev"}, kMax{"max"};

/// A reduction's axes, its shape with them kept, and how many elements went into each result.
struct Reduction {
  Axes axes;
  Shape kept, result;
  Scalar count;

  Reduction(const Op& op, const Tensor& x, const Axes& chosen, bool keepdim)
      : axes(normalize_axes(op.name, x.shape(), chosen)),
        kept(reduced_shape(x.shape(), axes, true)),
        result(keepdim ? kept : reduced_shape(x.shape(), axes, false)) {
    Index n = 1;
    for (int axis : axes) n *= x.dim(axis);
    count = static_cast<Scalar>(n);
  }
};

/// The two-pass variance, and what its gradient needs.
struct Spread {
  Array mean, variance;  // both with the reduced axes kept
  Scalar degrees;

  Spread(const Array& x, const Reduction& r, int correction)
      : mean(kernels::mean(x, r.axes, true)),
        variance(kernels::squared_distance(x, mean, r.axes, true)),
        degrees(r.count - correction) {
    if (!(degrees > 0)) degrees = 0;
    const auto divide = [d = degrees](const auto& total) { return total / d; };
    variance = kernels::map(variance.shape(), divide, variance);
  }
};

}  // namespace

// y = sum x;  dx = dy, repeated
Tensor sum(const Tensor& x, const Axes& axes, bool keepdim) {
  const Reduction r(kSum, x, axes, keepdim);
  return record(kSum, kernels::sum(x.value(), r.axes, keepdim), {x},
                [kept = r.kept, shape = x.shape()](const Array& dy, Grads& grads) {
                  grads.add(0, kernels::expand(dy.reshape(kept), shape));
                });
}

// y = sum x / n;  dx = dy / n, repeated
Tensor mean(const Tensor& x, const Axes& axes, bool keepdim) {
  const Reduction r(kMean, x, axes, keepdim);
  return record(kMean, kernels::mean(x.value(), r.axes, keepdim), {x},
                [kept = r.kept, shape = x.shape(), n = r.count](const Array& dy, Grads& grads) {
                  const auto share = [n](const auto& d) { return d / n; };
                  grads.add(0, kernels::map(shape, share, dy.reshape(kept)));
                });
}

// y = sum (x - mean)^2 / (n - c);  dx = dy 2 (x - mean) / (n - c)
Tensor var(const Tensor& x, const Axes& axes, int correction, bool keepdim) {
  const Reduction r(kVar, x, axes, keepdim);
  const Spread spread(x.value(), r, correction);
  return record(kVar, spread.variance.reshape(r.result), {x},
                [X = x.value(), mean = spread.mean, kept = r.kept, scale = 2 / spread.degrees](
                    const Array& dy, Grads& grads) {
                  const auto dx = [scale](const auto& d, const auto& v, const auto& m) {
                    return d * (scale * (v - m));
                  };
                  grads.add(0, kernels::map(X.shape(), dx, dy.reshape(kept), X, mean));
                });
}

// y = sqrt(var x);  dx = dy (x - mean) / ((n - c) y), 0 where y is 0
Tensor stddev(const Tensor& x, const Axes& axes, int correction, bool keepdim) {
  const Reduction r(kStd, x, axes, keepdim);
  const Spread spread(x.value(), r, correction);
  const auto root = [](const auto& v) { return math::sqrt(v); };
  const Array y = kernels::map(r.kept, root, spread.variance);
  return record(kStd, y.reshape(r.result), {x},
                [X = x.value(), Y = y, mean = spread.mean, kept = r.kept, degrees = spread.degrees](
                    const Array& dy, Grads& grads) {
                  const auto slope = [degrees](const auto& d, const auto& s) {
                    return math::where(s == 0, s, d / (degrees * s));
                  };
                  const auto dx = [](const auto& k, const auto& v, const auto& m) {
                    return k * (v - m);
                  };
                  const Array k = kernels::map(kept, slope, dy.reshape(kept), Y);
                  grads.add(0, kernels::map(X.shape(), dx, k, X, mean));
                });
}

// y = max x;  dx = dy / (number of maxima) where x == y
Tensor max(const Tensor& x, const Axes& axes, bool keepdim) {
  const Reduction r(kMax, x, axes, keepdim);
  const Array y = kernels::max(x.value(), r.axes, true);
  return record(kMax, y.reshape(r.result), {x},
                [X = x.value(), Y = y, axes = r.axes](const Array& dy, Grads& grads) {
                  const auto is_max = [](const auto& v, const auto& m) {
                    return (v == m).template cast<Scalar>();
                  };
                  // Chosen, not multiplied: of an infinite dy the others would get 0 times that.
                  const auto share = [](const auto& hit, const auto& d, const auto& n) {
                    return math::where(hit > 0, d / n, Scalar{0});
                  };
                  const Array hits = kernels::map(X.shape(), is_max, X, Y);
                  const Array count = kernels::sum(hits, axes, true);
                  grads.add(0, kernels::map(X.shape(), share, hits, dy.reshape(Y.shape()), count));
                });
}

IntArray argmax(const Tensor& x, int axis, bool keepdim) {
  return kernels::argmax(x.value(), {axis}, keepdim);
}

IntArray argmax(const Tensor& x, const Axes& axes, bool keepdim) {
  return kernels::argmax(x.value(), axes, keepdim);
}

}  // namespace kindling
