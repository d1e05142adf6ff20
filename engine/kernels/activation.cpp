#include "engine/kernels/activation.h"

#include <utility>

#include "engine/kernels/stream.h"
#include "engine/kernels/walk.h"

namespace kindling::kernels {

namespace {

void activate_to(Array& y, const Scalar* in, const Activation& activation) {
  Scalar* out = y.data();
  const bool around = out != in && goes_around(y.size());
  std::visit(
      [&](const auto& formula) {
        parallel_chunks(y.size(), kChunk, y.size(), [&](Index begin, Index end) {
          with_put(around, [&](auto put) {
            walk(begin, end, [=](auto lanes, Index i) {
              using V = decltype(lanes);
              put(out + i, formula.forward(simd::load<V>(in + i)));
            });
          });
        });
      },
      activation);
}

}  // namespace

Array activate(const Array& x, const Activation& activation) {
  Array y(x.shape());
  activate_to(y, x.data(), activation);
  return y;
}

Array activate(Array&& x, const Activation& activation) {
  if (std::holds_alternative<Identity>(activation)) return std::move(x);
  const Scalar* in = std::as_const(x).data();
  Array y = room_of(std::move(x));
  activate_to(y, in, activation);
  return y;
}

namespace {

/// body(formula, V(), i) for the elements i of the rows.
template <class Body>
void each_in_rows(Index rows, Index width, Index pitch, const Activation& activation,
                  const Body& body) {
  if (std::holds_alternative<Identity>(activation)) return;
  if (width == pitch) width *= std::exchange(rows, 1);
  std::visit(
      [&](const auto& formula) {
        for (Index row = 0; row < rows; ++row)
          walk(row * pitch, row * pitch + width,
               [=](auto lanes, Index i) { body(formula, lanes, i); });
      },
      activation);
}

}  // namespace

void activate_rows(Scalar* y, Index rows, Index width, Index pitch, const Activation& activation) {
  each_in_rows(rows, width, pitch, activation, [=](const auto& formula, auto lanes, Index i) {
    using V = decltype(lanes);
    simd::store(y + i, formula.forward(simd::load<V>(y + i)));
  });
}

void activate_rows_dx(Scalar* dx, const Scalar* y, Index rows, Index width, Index pitch,
                      const Activation& activation) {
  each_in_rows(rows, width, pitch, activation, [=](const auto& formula, auto lanes, Index i) {
    using V = decltype(lanes);
    simd::store(dx + i, formula.backward(simd::load<V>(y + i), simd::load<V>(dx + i)));
  });
}

Array activate_dx(Array&& dy, const Array& y, const Activation& activation) {
  const Scalar *gradient = std::as_const(dy).data(), *result = y.data();
  Array dx = room_of(std::move(dy));
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
