#include "engine/ops/activation.h"

#include "engine/error.h"
#include "engine/kernels/activation.h"
#include "engine/tape.h"

namespace kindling {

namespace {

const Op kGeneralRelu{"general_relu"};

/// y = f(x);  dx = f'(y) dy
Tensor activate(const Op& op, const Tensor& x, const kernels::Activation& f) {
  const Array y = kernels::activate(x.value(), f);
  return record(op, y, {x}, [y, f](const Array& dy, Grads& grads) {
    grads.add(0, kernels::activate_dx(dy, y, f));
  });
}

}  // namespace

Tensor general_relu(const Tensor& x, Scalar leak, Scalar sub, Scalar max) {
  check<Error>(leak >= 0, kGeneralRelu.name, x.shape(), ": leak ", leak, ", at least 0 expected");
  return activate(kGeneralRelu, x, kernels::GeneralRelu{leak, sub, max});
}

}  // namespace kindling
