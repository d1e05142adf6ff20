#include "engine/ops/activation.h"

#include <limits>

#include "engine/error.h"
#include "engine/ops/pending.h"
#include "engine/tape.h"

namespace kindling {

namespace {

const Op kRelu{"relu"}, kLeakyRelu{"leaky_relu"}, kGeneralRelu{"general_relu"};

void check_slope(const Op& op, const Tensor& x, const char* name, Scalar slope) {
  check<Error>(slope >= 0, op.name, x.shape(), ": ", name, " ", slope, ", at least 0 expected");
}

// y = f(x);  dx = f'(y) dy, put off
Tensor activate(const Op& op, const Tensor& x, const kernels::Activation& f) {
  const auto* pending = x.lazy_value().pending<PendingPreactivation>();
  const Array y = pending ? pending->activated(f) : kernels::activate(x.value(), f);
  return record(op, y, {x}, [y, f](Lazy&& dy, Grads& grads) {
    // A convolution's gradient waits for this formula. Nothing else does: in a chain of activations
    // each gradient would hold the one behind it, and be computed by recursion.
    if (!dy.pending<PendingConvGradient>()) dy.get();
    grads.add(0, make_recycled<PendingActivationGradient>(std::move(dy), y, f));
  });
}

}  // namespace

Tensor relu(const Tensor& x) { return activate(kRelu, x, kernels::Relu{}); }

Tensor leaky_relu(const Tensor& x, Scalar slope) {
  check_slope(kLeakyRelu, x, "slope", slope);
  return activate(kLeakyRelu, x, kernels::GeneralRelu{.leak = slope});
}

Tensor general_relu(const Tensor& x, Scalar leak, Scalar sub, Scalar max) {
  check_slope(kGeneralRelu, x, "leak", leak);
  constexpr Scalar infinity = std::numeric_limits<Scalar>::infinity();
  constexpr Scalar none = std::numeric_limits<Scalar>::quiet_NaN();
  return activate(kGeneralRelu, x, kernels::GeneralRelu{leak, sub, max == infinity ? none : max});
}

}  // namespace kindling
