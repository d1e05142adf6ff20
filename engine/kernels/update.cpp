#include "engine/kernels/update.h"

#include <algorithm>
#include <cmath>

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

namespace {

/// Elements [begin, begin + n) of one parameter, and what belongs to them.
struct Piece {
  Scalar* value;
  const Scalar* grad;
  Scalar *first, *second;  ///< The optimizer's own numbers, as many as it has.
  Index n;
  std::size_t slot;
};

/// Cuts all parameters into pieces of at most kChunk elements and calls body(piece) for each, in
/// one parallel region.
template <class Slot, class Arrays, class Body>
void each_piece(std::span<const Slot> slots, const Arrays& arrays, const Body& body) {
  RecycledVector<Piece> pieces;
  Index work = 0;
  for (std::size_t i = 0; i < slots.size(); ++i) {
    const Piece whole = arrays(slots[i]);
    work += whole.n;
    for (Index begin = 0; begin < whole.n; begin += kChunk)
      pieces.push_back(
          {whole.value + begin, whole.grad + begin, whole.first ? whole.first + begin : nullptr,
           whole.second ? whole.second + begin : nullptr, std::min(kChunk, whole.n - begin), i});
  }
  parallel_for(static_cast<Index>(pieces.size()), work,
               [&](Index i) { body(pieces[static_cast<std::size_t>(i)]); });
}

Scalar narrow(double x) { return static_cast<Scalar>(x); }

// The loops below are plain: no two of their arrays overlap, which is all the compiler needs to be
// told.

void descend(const SgdStep& step, Scalar* __restrict p, const Scalar* __restrict g, Index n) {
  const Scalar lr = narrow(step.lr), decay = narrow(step.weight_decay);
  for (Index i = 0; i < n; ++i) p[i] -= lr * (g[i] + decay * p[i]);
}

void descend(const SgdStep& step, Scalar* __restrict p, const Scalar* __restrict g,
             Scalar* __restrict v, Index n) {
  const Scalar lr = narrow(step.lr), decay = narrow(step.weight_decay);
  const Scalar momentum = narrow(step.momentum);
  for (Index i = 0; i < n; ++i) {
    v[i] = momentum * v[i] + (g[i] + decay * p[i]);
    p[i] -= lr * v[i];
  }
}

void descend_ahead(const SgdStep& step, Scalar* __restrict p, const Scalar* __restrict grad,
                   Scalar* __restrict v, Index n) {
  const Scalar lr = narrow(step.lr), decay = narrow(step.weight_decay);
  const Scalar momentum = narrow(step.momentum);
  for (Index i = 0; i < n; ++i) {
    const Scalar g = grad[i] + decay * p[i];
    v[i] = momentum * v[i] + g;
    p[i] -= lr * (g + momentum * v[i]);
  }
}

void descend(const RmsStep& step, Scalar* __restrict p, const Scalar* __restrict grad,
             Scalar* __restrict s, Index n) {
  const Scalar lr = narrow(step.lr), decay = narrow(step.weight_decay), eps = narrow(step.eps);
  const Scalar alpha = narrow(step.alpha), fresh = narrow(1 - step.alpha);
  for (Index i = 0; i < n; ++i) {
    const Scalar g = grad[i] + decay * p[i];
    s[i] = alpha * s[i] + fresh * (g * g);
    p[i] -= lr * (g / (std::sqrt(s[i]) + eps));
  }
}

void descend(const RmsStep& step, Scalar* __restrict p, const Scalar* __restrict grad,
             Scalar* __restrict s, Scalar* __restrict v, Index n) {
  const Scalar lr = narrow(step.lr), decay = narrow(step.weight_decay), eps = narrow(step.eps);
  const Scalar alpha = narrow(step.alpha), fresh = narrow(1 - step.alpha);
  const Scalar momentum = narrow(step.momentum);
  for (Index i = 0; i < n; ++i) {
    const Scalar g = grad[i] + decay * p[i];
    s[i] = alpha * s[i] + fresh * (g * g);
    v[i] = momentum * v[i] + g / (std::sqrt(s[i]) + eps);
    p[i] -= lr * v[i];
  }
}

void descend(const AdamStep& step, const AdamSlot& slot, Scalar* __restrict p,
             const Scalar* __restrict grad, Scalar* __restrict m, Scalar* __restrict s, Index n) {
  const Scalar rate = narrow(step.lr / slot.mean_share), eps = narrow(step.eps);
  const Scalar root = narrow(1 / std::sqrt(slot.square_share));
  const Scalar beta1 = narrow(step.beta1), fresh1 = narrow(1 - step.beta1);
  const Scalar beta2 = narrow(step.beta2), fresh2 = narrow(1 - step.beta2);
  const Scalar decay = narrow(step.weight_decay), shrink = narrow(step.shrink);
  for (Index i = 0; i < n; ++i) {
    const Scalar g = grad[i] + decay * p[i];
    m[i] = beta1 * m[i] + fresh1 * g;
    s[i] = beta2 * s[i] + fresh2 * (g * g);
    p[i] = shrink * p[i] - rate * m[i] / (std::sqrt(s[i]) * root + eps);
  }
}

}  // namespace

void sgd_step(std::span<const SgdSlot> slots, const SgdStep& step) {
  each_piece(
      slots,
      [](const SgdSlot& s) {
        return Piece{
            s.value.data(), s.grad.data(),  s.velocity.defined() ? s.velocity.data() : nullptr,
            nullptr,        s.value.size(), 0};
      },
      [&](const Piece& piece) {
        if (!piece.first)
          descend(step, piece.value, piece.grad, piece.n);
        else if (step.nesterov)
          descend_ahead(step, piece.value, piece.grad, piece.first, piece.n);
        else
          descend(step, piece.value, piece.grad, piece.first, piece.n);
      });
}

void rms_step(std::span<const RmsSlot> slots, const RmsStep& step) {
  each_piece(
      slots,
      [](const RmsSlot& s) {
        return Piece{s.value.data(),  s.grad.data(),
                     s.square.data(), s.velocity.defined() ? s.velocity.data() : nullptr,
                     s.value.size(),  0};
      },
      [&](const Piece& piece) {
        if (piece.second)
          descend(step, piece.value, piece.grad, piece.first, piece.second, piece.n);
        else
          descend(step, piece.value, piece.grad, piece.first, piece.n);
      });
}

void adam_step(std::span<const AdamSlot> slots, const AdamStep& step) {
  each_piece(
      slots,
      [](const AdamSlot& s) {
        return Piece{s.value.data(),  s.grad.data(),  s.mean.data(),
                     s.square.data(), s.value.size(), 0};
      },
      [&](const Piece& piece) {
        descend(step, slots[piece.slot], piece.value, piece.grad, piece.first, piece.second,
                piece.n);
      });
}

}  // namespace kindling::kernels
