#pragma once

#include "nn/module.h"

namespace kindling::nn {

inline namespace KINDLING_PRECISION {

/// Settings of a batch norm: PyTorch's names and values.
struct BatchNormOptions {
  double eps = 1e-5;      ///< Added to the variance; at least 0 and finite.
  double momentum = 0.1;  ///< Weight of the latest batch in the running statistics, in [0, 1].
};

/// Batch normalisation over all axes but the last: every channel gets mean 0 and deviation 1, then
/// weight (C) and bias (C). In training by the moments of the batch, which also feed the running
/// ones (the variance over n - 1, as in PyTorch); in evaluation by the running ones.
/// Buffers: running_mean (C), running_var (C), num_batches_tracked ().
class BatchNorm : public Module {
 public:
  Tensor weight;               ///< (C), ones at first.
  Tensor bias;                 ///< (C), zeros at first.
  Tensor running_mean;         ///< (C), zeros at first. Every call in training moves the three.
  Tensor running_var;          ///< (C), ones at first.
  Tensor num_batches_tracked;  ///< (), 0 at first. Nothing here reads it; a float ends at 2^24.

  std::string extra() const override;

 protected:
  /// `who` is what errors call it; it is not copied. Throws as the constructors below.
  BatchNorm(const char* who, Index channels, BatchNormOptions options);
  /// Throws ShapeError for another number of channels, and in training for a single row.
  Tensor forward(const Tensor& x) override;

 private:
  const char* who_;
  BatchNormOptions options_;
};

/// (N, C) or (N, L, C).
class BatchNorm1d : public BatchNorm {
 public:
  /// Throws ShapeError for less than one channel, Error for a setting outside its range.
  explicit BatchNorm1d(Index channels, BatchNormOptions options = {})
      : BatchNorm("batch_norm1d", channels, options) {}
  std::string type() const override { return "BatchNorm1d"; }

 protected:
  Tensor forward(const Tensor& x) override;
};

/// Images: (N,H,W,C).
class BatchNorm2d : public BatchNorm {
 public:
  /// Throws ShapeError for less than one channel, Error for a setting outside its range.
  explicit BatchNorm2d(Index channels, BatchNormOptions options = {})
      : BatchNorm("batch_norm2d", channels, options) {}
  std::string type() const override { return "BatchNorm2d"; }

 protected:
  Tensor forward(const Tensor& x) override;
};

/// Layer normalisation (Ba et al., 2016): each row of features (the last axis) gets mean 0 and
/// deviation 1, then weight (C) and bias (C): (..., C). The same in training and evaluation.
class LayerNorm : public Module {
 public:
  /// Throws ShapeError for less than one feature, Error for an eps that is not positive.
  explicit LayerNorm(Index features, double eps = 1e-5);
  Tensor weight;  ///< (C), ones at first.
  Tensor bias;    ///< (C), zeros at first.

  std::string type() const override { return "LayerNorm"; }
  std::string extra() const override;

 protected:
  Tensor forward(const Tensor& x) override;

 private:
  double eps_;
};

/// Group normalisation (Wu and He, 2018): in each image the channels of a group, with all their
/// pixels, get mean 0 and deviation 1 together, then weight (C) and bias (C): (N, ..., C). The same
/// in training and evaluation, and for any batch size.
class GroupNorm : public Module {
 public:
  /// Throws Error unless the channels can be shared out among the groups, or for an eps that is not
  /// positive.
  GroupNorm(Index groups, Index channels, double eps = 1e-5);
  Tensor weight;  ///< (C), ones at first.
  Tensor bias;    ///< (C), zeros at first.

  std::string type() const override { return "GroupNorm"; }
  std::string extra() const override;

 protected:
  Tensor forward(const Tensor& x) override;

 private:
  Index groups_;
  double eps_;
};

}  // namespace KINDLING_PRECISION
}  // namespace kindling::nn
