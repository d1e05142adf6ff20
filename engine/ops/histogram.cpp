#include "engine/ops/histogram.h"

#include <cmath>

#include "engine/error.h"
#include "engine/kernels/histogram.h"

namespace kindling {

namespace {

kernels::Cells checked(const char* who, const Tensor& x, const kernels::Cells& cells) {
  const auto& [bins, low, high, absolute] = cells;
  check<Error>(bins >= 1, who, x.shape(), ": at least one bin expected, got ", bins);
  check<Error>(low < high && std::isfinite(high - low), who, x.shape(), ": [", low, ", ", high,
               "] is empty or infinite");
  check<Error>(std::isfinite(static_cast<Scalar>(bins) / (high - low)), who, x.shape(), ": [", low,
               ", ", high, "] is too narrow for ", bins, " bins");
  return cells;
}

}  // namespace

IntArray histogram(const Tensor& x, int bins, Scalar low, Scalar high, bool absolute) {
  return kernels::histogram(x.value(), checked("histogram", x, {bins, low, high, absolute}));
}

Distribution distribution(const Tensor& x, int bins, Scalar low, Scalar high, bool absolute) {
  const kernels::Summary s =
      kernels::summarize(x.value(), checked("distribution", x, {bins, low, high, absolute}));
  const double degrees = x.size() > 1 ? static_cast<double>(x.size() - 1) : 0;
  return {s.mean, std::sqrt(s.squared_distance / degrees), s.counts};
}

}  // namespace kindling
