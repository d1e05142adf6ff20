#include "engine/ops/histogram.h"

#include <cmath>

#include "engine/error.h"
#include "engine/kernels/histogram.h"

namespace kindling {

IntArray histogram(const Tensor& x, int bins, Scalar low, Scalar high, bool absolute) {
  check<Error>(bins >= 1, "histogram", x.shape(), ": at least one bin expected, got ", bins);
  check<Error>(low < high && std::isfinite(high - low), "histogram", x.shape(), ": [", low, ", ",
               high, "] is empty or infinite");
  return kernels::histogram(x.value(), bins, low, high, absolute);
}

}  // namespace kindling
