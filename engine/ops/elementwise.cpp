#include "engine/ops/elementwise.h"

#include <numbers>

#include "engine/error.h"
#include "engine/kernels/elementwise.h"
#include "engine/ops/pending.h"
#include "engine/tape.h"

// A formula says both directions side by side: forward(x) is y, and backward(x, y, dy) is dx. It is
// written for anything with arithmetic and knows nothing of arrays, threads or broadcasting. What
// backward does not read is not kept: it gets an Unkept, which offers nothing to compute with.

namespace kindling {

namespace {

enum class Keeps { nothing, input, output };
struct Unkept {};

template <class F>
Tensor unary(const F& f, const Tensor& x) {
  const auto forward = [f](const auto& run) { return f.forward(run); };
  Array y = kernels::map(x.shape(), forward, x.value());
  Array kept = F::keeps == Keeps::input ? x.value() : F::keeps == Keeps::output ? y : Array();
  return record(F::op, std::move(y), {x}, [f, kept = std::move(kept)](Array&& dy, Grads& grads) {
    const auto backward = [f](const auto& d, const auto&... saved) {
      if constexpr (F::keeps == Keeps::input) return f.backward(saved..., Unkept(), d);
      if constexpr (F::keeps == Keeps::output) return f.backward(Unkept(), saved..., d);
      if constexpr (F::keeps == Keeps::nothing) return f.backward(Unkept(), Unkept(), d);
    };
    if constexpr (F::keeps == Keeps::nothing)
      grads.add(0, kernels::map_over(std::move(dy), backward));
    else
      grads.add(0, kernels::map_over(std::move(dy), backward, kept));
  });
}

// y = -x;  dx = -dy
struct Neg {
  static inline const Op op{"neg"};
  static constexpr Keeps keeps = Keeps::nothing;
  static auto forward(const auto& x) { return -x; }
  static auto backward(Unkept, Unkept, const auto& dy) { return -dy; }
};

// y = e^x;  dx = dy y
struct Exp {
  static inline const Op op{"exp"};
  static constexpr Keeps keeps = Keeps::output;
  static auto forward(const auto& x) { return math::exp(x); }
  static auto backward(Unkept, const auto& y, const auto& dy) { return dy * y; }
};

// y = ln x;  dx = dy / x
struct Log {
  static inline const Op op{"log"};
  static constexpr Keeps keeps = Keeps::input;
  static auto forward(const auto& x) { return math::log(x); }
  static auto backward(const auto& x, Unkept, const auto& dy) { return dy / x; }
};

// y = sqrt(x);  dx = dy / (2 y)
struct Sqrt {
  static inline const Op op{"sqrt"};
  static constexpr Keeps keeps = Keeps::output;
  static auto forward(const auto& x) { return math::sqrt(x); }
  static auto backward(Unkept, const auto& y, const auto& dy) { return dy / (2 * y); }
};

// y = x^p;  dx = dy p x^(p-1)
struct Pow {
  static inline const Op op{"pow"};
  static constexpr Keeps keeps = Keeps::input;
  Scalar p;
  auto forward(const auto& x) const { return math::pow(x, p); }
  auto backward(const auto& x, Unkept, const auto& dy) const {
    // x^0 is constant, also at 0, where x^-1 is not a number to multiply with.
    return dy * (p * math::pow(x, p == 0 ? Scalar{0} : p - 1));
  }
};

// y = tanh(x);  dx = dy (1 - y^2)
struct Tanh {
  static inline const Op op{"tanh"};
  static constexpr Keeps keeps = Keeps::output;
  static auto forward(const auto& x) { return math::tanh(x); }
  static auto backward(Unkept, const auto& y, const auto& dy) { return dy * (1 - y * y); }
};

// y = 1 / (1 + e^-x);  dx = dy y (1 - y)
struct Sigmoid {
  static inline const Op op{"sigmoid"};
  static constexpr Keeps keeps = Keeps::output;
  static auto forward(const auto& x) { return 1 / (1 + math::exp(-x)); }
  static auto backward(Unkept, const auto& y, const auto& dy) { return dy * (y * (1 - y)); }
};

// y = x s;  dx = dy s (1 + x (1 - s)), s = 1 / (1 + e^-x)
struct Silu {
  static inline const Op op{"silu"};
  static constexpr Keeps keeps = Keeps::input;
  static auto forward(const auto& x) { return x / (1 + math::exp(-x)); }
  static auto backward(const auto& x, Unkept, const auto& dy) {
    return dy * (1 + x * (1 - 1 / (1 + math::exp(-x)))) / (1 + math::exp(-x));
  }
};

// y = x P;  dx = dy (P + x p): P(x) = (1 + erf(x / sqrt 2)) / 2, p = P' = e^(-x^2 / 2) / sqrt(2 pi)
struct Gelu {
  static inline const Op op{"gelu"};
  static constexpr Keeps keeps = Keeps::input;
  static constexpr Scalar kRoot = std::numbers::sqrt2_v<Scalar> / 2;
  static constexpr Scalar kDensity = std::numbers::inv_sqrtpi_v<Scalar> * kRoot;
  static auto forward(const auto& x) { return x * (1 + math::erf(x * kRoot)) / 2; }
  static auto backward(const auto& x, Unkept, const auto& dy) {
    return dy * ((1 + math::erf(x * kRoot)) / 2 + x * math::exp(x * x / -2) * kDensity);
  }
};

// y = min(max(x, low), high);  dx = dy where low <= x <= high
struct Clamp {
  static inline const Op op{"clamp"};
  static constexpr Keeps keeps = Keeps::input;
  Scalar low, high;
  auto forward(const auto& x) const { return math::min(math::max(x, low), high); }
  auto backward(const auto& x, Unkept, const auto& dy) const {
    return math::where(x >= low && x <= high, dy, Scalar{0});
  }
};

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

Tensor neg(const Tensor& x) { return unary(Neg{}, x); }
Tensor exp(const Tensor& x) { return unary(Exp{}, x); }
Tensor log(const Tensor& x) { return unary(Log{}, x); }
Tensor sqrt(const Tensor& x) { return unary(Sqrt{}, x); }
Tensor pow(const Tensor& x, Scalar exponent) { return unary(Pow{exponent}, x); }
Tensor tanh(const Tensor& x) { return unary(Tanh{}, x); }
Tensor sigmoid(const Tensor& x) { return unary(Sigmoid{}, x); }
Tensor silu(const Tensor& x) { return unary(Silu{}, x); }
Tensor gelu(const Tensor& x) { return unary(Gelu{}, x); }
Tensor clamp(const Tensor& x, Scalar low, Scalar high) {
  check<Error>(low <= high, "clamp", x.shape(), ": [", low, ", ", high, "] is empty");
  return unary(Clamp{low, high}, x);
}

}  // namespace kindling
