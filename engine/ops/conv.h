#pragma once

#include "engine/tensor.h"

namespace kindling {

/// A height and a width; one number stands for both.
struct Pair {
  Index h;  ///< Along axis 1 of images (N,H,W,C).
  Index w;  ///< Along axis 2.
  /// Not checked here: the ops throw for what is too small.
  /// @{
  Pair(Index both) : h(both), w(both) {}  // NOLINT: implicit on purpose
  Pair(Index height, Index width) : h(height), w(width) {}
  /// @}
  friend bool operator==(const Pair&, const Pair&) = default;  ///< Both agree.
};
/// "3x5", the height first.
std::ostream& operator<<(std::ostream& out, const Pair& pair);

/// Cross-correlation of images with a bank of kernels, as every deep learning library has it:
/// x (N,H,W,C), weight (KH,KW,C,M), bias (M) or undefined -> (N,OH,OW,M), where
/// OH = (H + 2 padding - KH) / stride + 1. Throws ShapeError when the shapes do not fit or a padded
/// image is smaller than the kernel.
Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias = {}, Pair stride = 1,
              Pair padding = 0);

}  // namespace kindling
