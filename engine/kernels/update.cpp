#include "engine/kernels/update.h"

#include "engine/error.h"
#include "engine/kernels/elementwise.h"

namespace kindling::kernels {

void add_scaled(Array& y, Scalar a, const Array& x) {
  check(x.shape() == y.shape(), "add_scaled", y.shape(), " += a * ", x.shape());
  if (!y.unique()) {  // a fresh result costs one pass less than a copy that is then added to
    y = map(
        y.shape(), [a](const auto& u, const auto& v) { return u + a * v; }, y, x);
    return;
  }
  Scalar* out = y.data();
  const Scalar* in = x.data();
  parallel_chunks(y.size(), kChunk, y.size(), [&](Index begin, Index end) {
    math::Run(out + begin, end - begin) += a * math::ConstRun(in + begin, end - begin);
  });
}

void scale(Array& y, Scalar a) {
  Scalar* out = y.data();
  parallel_chunks(y.size(), kChunk, y.size(),
                  [&](Index begin, Index end) { math::Run(out + begin, end - begin) *= a; });
}

}  // namespace kindling::kernels
