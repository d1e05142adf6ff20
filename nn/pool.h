#pragma once

#include <optional>

#include "engine/ops/pool.h"
#include "nn/module.h"

namespace kindling::nn {

inline namespace KINDLING_PRECISION {

/// How the windows of MaxPool2d and AvgPool2d lie.
struct PoolOptions {
  std::optional<Pair> stride = {};  ///< The kernel, unless given: windows side by side.
  Pair padding = 0;                 ///< On every side.
  /// A last window that sticks out at the bottom or right counts too.
  bool ceil_mode = false;
};

/// The largest of each window of an image: (N,H,W,C) -> (N,OH,OW,C).
class MaxPool2d : public Module {
 public:
  /// Throws ShapeError for kernels and strides below 1, and for a padding that is negative or more
  /// than half the kernel.
  explicit MaxPool2d(Pair kernel, PoolOptions options = {});
  std::string type() const override { return "MaxPool2d"; }
  std::string extra() const override;

 protected:
  Tensor forward(const Tensor& x) override;

 private:
  Pair kernel_;
  PoolOptions options_;
};

/// The mean of each window: (N,H,W,C) -> (N,OH,OW,C). Padding counts as zeros; a window that
/// sticks out divides by what it covers.
class AvgPool2d : public Module {
 public:
  /// Throws ShapeError for kernels and strides below 1, and for a padding that is negative or more
  /// than half the kernel.
  explicit AvgPool2d(Pair kernel, PoolOptions options = {});
  std::string type() const override { return "AvgPool2d"; }
  std::string extra() const override;

 protected:
  Tensor forward(const Tensor& x) override;

 private:
  Pair kernel_;
  PoolOptions options_;
};

/// The mean over all pixels: (N,H,W,C) -> (N,C).
class GlobalAvgPool : public Module {
 public:
  std::string type() const override { return "GlobalAvgPool"; }

 protected:
  Tensor forward(const Tensor& x) override;
};

}  // namespace KINDLING_PRECISION
}  // namespace kindling::nn
