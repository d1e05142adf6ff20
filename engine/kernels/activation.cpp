#include "engine/kernels/activation.h"

#include "engine/kernels/walk.h"

namespace kindling::kernels {

Array activate(const Array& x, const Activation& activation) {
  Array y(x.shape());
  const Scalar* in = x.data();
  Scalar* out = y.data();
  std::visit(
      [&](const auto& formula) {
        parallel_chunks(y.size(), kChunk, y.size(), [&](Index begin, Index end) {
          walk(begin, end, [=](auto lanes, Index i) {
            using V = decltype(lanes);
            simd::store(out + i, formula.forward(simd::load<V>(in + i)));
          });
        });
      },
      activation);
  return y;
}

Array activate_dx(Array&& dy, const Array& y, const Activation& activation) {
  const Scalar *gradient = std::as_const(dy).data(), *result = y.data();
  Array dx = over(std::move(dy));
  Scalar* out = dx.data();
  std::visit(
      [&](const auto& formula) {
        parallel_chunks(dx.size(), kChunk, dx.size(), [&](Index begin, Index end) {
          walk(begin, end, [=](auto lanes, Index i) {
            using V = decltype(lanes);
            simd::store(out + i,
                        formula.backward(simd::load<V>(result + i), simd::load<V>(gradient + i)));
          });
        });
      },
      activation);
  return dx;
}

}  // namespace kindling::kernels
