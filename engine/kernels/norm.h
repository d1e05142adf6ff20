#pragma once

#include "engine/array.h"

/// Batch normalisation (Ioffe and Szegedy, "Batch normalization", 2015), in passes over memory.
/// Every array is a matrix of rows x channels: x (..., C); numbers per channel are (C).
namespace kindling::kernels {

/// The mean of every channel and its mean squared distance from it (over n, not n - 1).
struct Moments {
  Array mean, variance;
};
/// One read of x. Neither far-off means nor many rows cost digits: see norm.cpp.
Moments moments(const Array& x);

/// y = scale * x + shift. One read, one write.
Array scale_shift(const Array& x, const Array& scale, const Array& shift);

/// What the gradients are made of: sum dy, and sum dy (x - mean). One read of each.
struct NormSums {
  Array dy, dy_x;
};
NormSums norm_sums(const Array& dy, const Array& x, const Array& mean);

/// dx = a dy + b x + c. The mean and deviation of the batch depend on every x, which makes the
/// gradient of y = weight (x - mean) / std + bias such a sum, with numbers per channel.
struct NormGradient {
  Array a, b, c;
};
Array norm_dx(const Array& dy, const Array& x, const NormGradient& gradient);

}  // namespace kindling::kernels
