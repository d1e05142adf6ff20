#pragma once

#include <optional>
#include <vector>

#include "engine/random.h"
#include "learner/learner.h"

namespace kindling {

/// Trains on mixtures of two images each: an image x of the batch, and the one at its place in
/// another order of the batch. The share s of x is drawn for each batch from Beta(alpha, alpha); of
/// s and 1 - s it is the larger one. The loss is
///
///     s loss(label of x) + (1 - s) loss(label of the other)
///
/// which the learner's loss_func computes until the batch ends. Metrics go by the label of x.
class MixCB : public Callback {
 public:
  /// Throws Error when there is another one: of two, each would mix with labels that the images no
  /// longer have.
  void before_fit(Learner& learn) override;
  void before_batch(Learner& learn) override;
  /// Throws Error when the loss of a mixed batch was not computed by loss_func.
  void after_loss(Learner& learn) override;
  void cleanup_batch(Learner& learn) override;
  /// Of x, in the latest training batch.
  double share() const { return share_; }

 protected:
  /// Throws Error for an alpha that is not in [0.01, 8].
  MixCB(const char* who, double alpha);
  /// The mixture of xs (N,H,W,C) with others, which are rows of xs in another order; share is what
  /// was drawn, and becomes what it came to.
  virtual Array mix(const Array& xs, const std::vector<Index>& others, double& share,
                    Draw& draw) const = 0;

 private:
  const char* who_;
  double alpha_, share_ = 1;
  std::optional<LossFunction> plain_;  ///< The learner's own, while a batch is mixed.
  bool asked_ = false;                 ///< The one in its place was.
};

/// share x + (1 - share) other (Zhang et al., "mixup", 2018).
class MixupCB : public MixCB {
 public:
  /// The larger alpha, the more is mixed; at 1 all shares from 1/2 to 1 are equally likely. Throws
  /// Error for an alpha that is not in [0.01, 8].
  explicit MixupCB(double alpha = 0.4) : MixCB("mixup", alpha) {}

 protected:
  Array mix(const Array& xs, const std::vector<Index>& others, double& share,
            Draw& draw) const override;
};

/// A rectangle of 1 - share of the image, or what of it lies inside, is the other's (Yun et al.,
/// "CutMix", 2019).
class CutMixCB : public MixCB {
 public:
  /// The paper's alpha is 1. Throws Error as MixupCB does.
  explicit CutMixCB(double alpha = 1) : MixCB("cutmix", alpha) {}

 protected:
  Array mix(const Array& xs, const std::vector<Index>& others, double& share,
            Draw& draw) const override;
};

}  // namespace kindling
