#include "engine/kernels/elementwise.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/pending.h"
#include "engine/tape.h"

// The ops of two operands, which broadcast. A formula knows nothing of arrays, threads or
// broadcasting, as in elementwise.cpp.

namespace kindling {

namespace {

const Op kAdd{"add"}, kSub{"sub"}, kMul{"mul"}, kDiv{"div"};

/// forward(a, b) over the broadcast shape.
template <class F>
Array broadcast(const Op& op, const F& forward, const Tensor& a, const Tensor& b) {
  return kernels::map(broadcast_shapes(op.name, a.shape(), b.shape()), forward, a.value(),
                      b.value());
}

/// a + b. What is added to a batch norm of its shape is put off with it, for an activation to do.
Lazy lazy_sum(const Tensor& a, const Tensor& b) {
  const auto onto = [](const Tensor& x, const Tensor& other) -> Lazy {
    const auto* pending = x.lazy_value().pending<PendingNorm>();
    if (!pending || pending->has_residual() || x.shape() != other.shape()) return {};
    const auto norm = pending->state();  // x may be `other`, whose value is looked at now
    return make_recycled<PendingNorm>(norm, other.value());
  };
  if (Lazy sum = onto(a, b); sum.defined()) return sum;
  if (Lazy sum = onto(b, a); sum.defined()) return sum;
  const auto forward = [](const auto& x, const auto& y) { return x + y; };
  return broadcast(kAdd, forward, a, b);
}

/// The operand's value if the gradient of the other one will need it: nothing is kept in vain.
Array kept_for(const Tensor& other, const Tensor& x) {
  return other.requires_grad() ? x.value() : Array();
}

constexpr auto kTimes = [](const auto& a, const auto& b) { return a * b; };
constexpr auto kOver = [](const auto& a, const auto& b) { return a / b; };

}  // namespace

// y = a + b;  da = dy, db = dy
Tensor add(const Tensor& a, const Tensor& b) {
  return record(kAdd, lazy_sum(a, b), {a, b}, [](Lazy&& dy, Grads& grads) {
    if (grads.needs(1)) grads.add(1, dy);
    grads.add(0, std::move(dy));
  });
}

// y = a - b;  da = dy, db = -dy
Tensor sub(const Tensor& a, const Tensor& b) {
  const auto forward = [](const auto& x, const auto& y) { return x - y; };
  return record(kSub, broadcast(kSub, forward, a, b), {a, b}, [](Array&& dy, Grads& grads) {
    const auto minus = [](const auto& d) { return -d; };
    if (grads.needs(0)) grads.add(0, dy);
    if (grads.needs(1)) grads.add(1, kernels::map_over(std::move(dy), minus));
  });
}

// y = a b;  da = dy b, db = dy a
Tensor mul(const Tensor& a, const Tensor& b) {
  return record(kMul, broadcast(kMul, kTimes, a, b), {a, b},
                [A = kept_for(b, a), B = kept_for(a, b)](Array&& dy, Grads& grads) {
                  if (grads.needs(1)) grads.add(1, kernels::map(dy.shape(), kTimes, dy, A));
                  if (grads.needs(0)) grads.add(0, kernels::map_over(std::move(dy), kTimes, B));
                });
}

// y = a / b;  da = dy / b, db = -dy y / b
Tensor div(const Tensor& a, const Tensor& b) {
  Array y = broadcast(kDiv, kOver, a, b);
  return record(kDiv, y, {a, b},
                [B = b.value(), Y = b.requires_grad() ? y : Array()](Array&& dy, Grads& grads) {
                  const auto db = [](const auto& d, const auto& q, const auto& v) {
                    return -(d * q) / v;
                  };
                  if (grads.needs(1)) grads.add(1, kernels::map(dy.shape(), db, dy, Y, B));
                  if (grads.needs(0)) grads.add(0, kernels::map_over(std::move(dy), kOver, B));
                });
}

}  // namespace kindling
