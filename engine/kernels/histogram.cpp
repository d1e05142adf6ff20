#include "engine/kernels/histogram.h"

#include <cmath>
#include <vector>

#include "engine/parallel.h"

namespace kindling::kernels {

IntArray histogram(const Array& x, int bins, Scalar low, Scalar high, bool absolute) {
  constexpr Index kPart = 64 * 1024;
  const Index parts = (x.size() + kPart - 1) / kPart;
  // Counts are whole numbers, so the order in which the parts are added does not matter.
  std::vector<std::int32_t> partial(static_cast<std::size_t>(parts * bins), 0);
  const Scalar* in = x.data();
  const Scalar scale = static_cast<Scalar>(bins) / (high - low);
  parallel_chunks(x.size(), kPart, 4 * x.size(), [&](Index begin, Index end) {
    std::int32_t* counts = partial.data() + begin / kPart * bins;
    for (Index i = begin; i < end; ++i) {
      const Scalar value = absolute ? std::abs(in[i]) : in[i];
      if (!(value >= low && value <= high)) continue;
      const int cell = static_cast<int>((value - low) * scale);
      ++counts[cell < bins ? cell : bins - 1];
    }
  });
  IntArray counts(Shape{bins}, 0);
  std::int32_t* out = counts.data();
  for (Index i = 0; i < parts * bins; ++i) out[i % bins] += partial[static_cast<std::size_t>(i)];
  return counts;
}

}  // namespace kindling::kernels
