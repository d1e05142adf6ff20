#include "engine/kernels/softmax.h"

#include "engine/kernels/math.h"
#include "engine/kernels/reduce.h"
#include "engine/parallel.h"

namespace kindling::kernels {

namespace {

struct Rows {
  Index n, classes;
  explicit Rows(const Array& x)
      : n(x.dim(-1) == 0 ? 0 : x.size() / x.dim(-1)), classes(x.dim(-1)) {}
};

/// Operations an exponential is worth, for the decision to start threads.
constexpr Index kExpCost = 16;

}  // namespace

Array log_softmax(const Array& x) {
  const Rows rows(x);
  Array y(x.shape());
  const Scalar* in = x.data();
  Scalar* out = y.data();
  parallel_for(rows.n, x.size() * kExpCost, [&](Index i) {
    const math::ConstRun row(in + i * rows.classes, rows.classes);
    const Scalar largest = row.maxCoeff<Eigen::PropagateNaN>();
    const Scalar log_sum = std::log((row - largest).exp().sum());
    // In this order: beside a large score the logarithm would lose its digits.
    math::Run(out + i * rows.classes, rows.classes) = (row - largest) - log_sum;
  });
  return y;
}

Array log_softmax_dx(const Array& dy, const Array& y) {
  const Rows rows(y);
  Array dx(y.shape());
  const Scalar* grad = dy.data();
  const Scalar* log_p = y.data();
  Scalar* out = dx.data();
  parallel_for(rows.n, y.size() * kExpCost, [&](Index i) {
    const math::ConstRun g(grad + i * rows.classes, rows.classes);
    math::Run(out + i * rows.classes, rows.classes) =
        g - math::ConstRun(log_p + i * rows.classes, rows.classes).exp() * g.sum();
  });
  return dx;
}

Scalar cross_entropy(const Array& log_p, const IntArray& targets, Scalar smoothing) {
  const Rows rows(log_p);
  Array losses(Shape{rows.n});
  const Scalar* in = log_p.data();
  Scalar* out = losses.data();
  parallel_for(rows.n, log_p.size(), [&](Index i) {
    const math::ConstRun row(in + i * rows.classes, rows.classes);
    out[i] = -(1 - smoothing) * row[targets[i]];
    if (smoothing > 0) out[i] -= smoothing * row.mean();
  });
  return mean(losses).item();
}

Array cross_entropy_dx(const Array& log_p, const IntArray& targets, Scalar smoothing,
                       Scalar scale) {
  const Rows rows(log_p);
  Array dx(log_p.shape());
  const Scalar* in = log_p.data();
  Scalar* out = dx.data();
  parallel_for(rows.n, log_p.size() * kExpCost, [&](Index i) {
    math::Run row(out + i * rows.classes, rows.classes);
    row = math::ConstRun(in + i * rows.classes, rows.classes).exp() -
          smoothing / static_cast<Scalar>(rows.classes);
    row[targets[i]] -= 1 - smoothing;
    row *= scale;
  });
  return dx;
}

}  // namespace kindling::kernels
