#pragma once

#include "engine/kernels/activation.h"
#include "engine/kernels/moments.h"

/// Batch normalisation (Ioffe and Szegedy, "Batch normalization", 2015), in passes over memory.
/// Every array is a matrix of rows x channels: x (..., C); numbers per channel are (C).
namespace kindling::kernels {

/// One read of x. Neither far-off means nor many rows cost digits: see norm.cpp.
Moments moments(const Array& x);

/// z = scale x + shift, numbers per channel; and what may come right behind it: y = f(z +
/// residual).
struct Affine {
  Array scale, shift;
};
/// One read of x and of the residual if there is one, one write.
Array affine(const Array& x, const Affine& a, const Array& residual = {},
             const Activation& f = Identity{});

/// What the gradients are made of: sum dz, and sum dz (x - mean). One read of each.
struct NormSums {
  Array dz, dz_x;
};
NormSums norm_sums(const Array& dz, const Array& x, const Array& mean);

/// dx = a dz + b x + c. The mean and deviation of the batch depend on every x, which makes the
/// gradient of z = weight (x - mean) / std + bias such a sum, with numbers per channel. A dz that
/// nobody else holds is written over.
struct NormGradient {
  Array a, b, c;
};
Array norm_dx(Array&& dz, const Array& x, const NormGradient& gradient);

/// The sums from the gradient behind an activation y = f(z), dz = f'(y) dy. dz takes the place of
/// dy on the way.
NormSums norm_sums(Array& dy, const Array& y, const Activation& f, const Array& x,
                   const Array& mean);

}  // namespace kindling::kernels
