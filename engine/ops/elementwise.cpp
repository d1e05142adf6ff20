#include "engine/ops/elementwise.h"

#include <numbers>

#include "engine/error.h"
#include "engine/kernels/elementwise.h"
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
  Array y = kernels::map_whole(forward, x.value());
  Array kept = F::keeps == Keeps::input ? x.value() : F::keeps == Keeps::output ? y : Array();
  return record(F::op, std::move(y), {x}, [f, kept = std::move(kept)](Array&& dy, Grads& grads) {
    const auto backward = [f](const auto& d, const auto&... saved) {
      if constexpr (F::keeps == Keeps::input) return f.backward(saved..., Unkept(), d);
      if constexpr (F::keeps == Keeps::output) return f.backward(Unkept(), saved..., d);
      if constexpr (F::keeps == Keeps::nothing) return f.backward(Unkept(), Unkept(), d);
    };
    if constexpr (F::keeps == Keeps::nothing)
      grads.add(0, kernels::map_whole_over(std::move(dy), backward));
    else
      grads.add(0, kernels::map_whole_over(std::move(dy), backward, kept));
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

}  // namespace

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
