#include "learner/callbacks/mixup.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "engine/error.h"
#include "engine/ops/elementwise.h"

namespace kindling {

namespace {

/// Beta(alpha, alpha), by Johnk's method: two powers of uniform numbers that add up to at most 1.
/// For alpha beyond 8 they hardly ever do, below 0.01 the powers are mostly 0.
double beta(double alpha, Draw& draw) {
  for (;;) {
    const double x = std::pow(draw.uniform(), 1 / alpha), y = std::pow(draw.uniform(), 1 / alpha);
    if (x + y > 0 && x + y <= 1) return x / (x + y);
  }
}

}  // namespace

MixCB::MixCB(const char* who, double alpha)
    : Callback(callback_order::kMix), who_(who), alpha_(alpha) {
  check<Error>(alpha >= 0.01 && alpha <= 8, who, "alpha ", alpha, ": in [0.01, 8] expected");
}

void MixCB::before_fit(Learner& learn) {
  for (const Callback* cb : learn.callbacks())
    check<Error>(cb == this || !dynamic_cast<const MixCB*>(cb), who_,
                 "another callback mixes images already: one expected");
}

void MixCB::before_batch(Learner& learn) {
  if (!learn.training) return;
  const Array xs = learn.batch.xs.at(0).value();
  check(xs.rank() == 4 && xs.dim(1) > 0 && xs.dim(2) > 0, who_, "x ", xs.shape(),
        ": images (N,H,W,C) expected");
  const IntArray& labels = learn.batch.labels();
  check(labels.shape() == Shape{xs.dim(0)}, who_, "x ", xs.shape(), ": labels ", labels.shape(),
        ", one an image expected");
  const std::vector<Index> others = default_random().permutation(xs.dim(0));
  Draw draw(default_random().bits(), 0);
  share_ = beta(alpha_, draw);
  share_ = std::max(share_, 1 - share_);
  learn.batch.xs[0] = Tensor(mix(xs, others, share_, draw));
  IntArray other_labels(labels.shape());
  for (std::size_t i = 0; i < others.size(); ++i) other_labels.data()[i] = labels[others[i]];
  plain_ = learn.loss_func;
  asked_ = false;
  learn.loss_func = [this, plain = *plain_, other_labels, share = static_cast<Scalar>(share_)](
                        const Tensor& preds, const IntArray& own_labels) {
    asked_ = true;
    return plain(preds, Batch{{}, own_labels}) * share +
           plain(preds, Batch{{}, other_labels}) * (1 - share);
  };
}

void MixCB::after_loss(Learner&) {
  check<Error>(!plain_ || asked_, who_,
               "the loss was not computed by loss_func, which mixes labels");
}

void MixCB::cleanup_batch(Learner& learn) {
  if (plain_) learn.loss_func = *plain_;
  plain_.reset();
}

Array MixupCB::mix(const Array& xs, const std::vector<Index>& others, double& share, Draw&) const {
  const Index size = xs.size() / std::max<Index>(xs.dim(0), 1);
  Array other(xs.shape());
  Scalar* out = other.data();
  for (const Index i : others) out = std::copy_n(xs.data() + i * size, size, out);
  return (Tensor(xs) * static_cast<Scalar>(share) + Tensor(other) * static_cast<Scalar>(1 - share))
      .value();
}

Array CutMixCB::mix(const Array& xs, const std::vector<Index>& others, double& share,
                    Draw& draw) const {
  const Index h = xs.dim(1), w = xs.dim(2), c = xs.dim(3);
  const double side = std::sqrt(1 - share);
  // About any pixel, so that a part may lie outside.
  const Index y = draw.below(h), x = draw.below(w);
  const auto half = [&](Index n) { return static_cast<Index>(side * static_cast<double>(n) / 2); };
  const Index top = std::max<Index>(y - half(h), 0), bottom = std::min(y + half(h), h);
  const Index left = std::max<Index>(x - half(w), 0), right = std::min(x + half(w), w);
  Array mixed = xs;
  Scalar* out = mixed.data();
  for (std::size_t i = 0; i < others.size(); ++i)
    for (Index row = top; row < bottom; ++row) {
      const Scalar* from = xs.data() + ((others[i] * h + row) * w + left) * c;
      std::copy_n(from, (right - left) * c,
                  out + ((static_cast<Index>(i) * h + row) * w + left) * c);
    }
  share = 1 - static_cast<double>((bottom - top) * (right - left)) / static_cast<double>(h * w);
  return mixed;
}

}  // namespace kindling
