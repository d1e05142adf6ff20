#include "engine/ops/histogram.h"

#include <cmath>
#include <cstdint>
#include <limits>

#include "engine/error.h"
#include "engine/kernels/histogram.h"

namespace kindling {

namespace {

constexpr int kMostBins = 1 << 20;  // a float tells one from the next up to 2^24

kernels::Cells checked(const char* who, const Tensor& x, const kernels::Cells& cells) {
  const auto& [bins, low, high, absolute] = cells;
  check<Error>(bins >= 1 && bins <= kMostBins, who, x.shape(), ": 1 to ", kMostBins,
               " bins expected, got ", bins);
  check<Error>(x.size() <= std::numeric_limits<std::int32_t>::max(), who, x.shape(),
               ": more numbers than a bin can count");
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
