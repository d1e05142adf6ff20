#pragma once

#include "engine/random.h"
#include "engine/tensor.h"

namespace kindling::nn {

/// How many inputs feed one output, and how many outputs one input feeds. Weights are laid out
/// (..., in, out): a dense layer (in, out), a convolution (KH, KW, C_in, C_out).
struct Fan {
  Index in;   ///< The product of all axes but the last.
  Index out;  ///< The product of all axes but the one before the last.
};
/// Throws ShapeError for less than two axes.
Fan fan(const Shape& weight);

// linear.weight.set_value(xavier_normal(linear.weight.shape())) is how they get into a layer.

/// Kaiming initialization (He et al., "Delving deep into rectifiers", 2015): weights of standard
/// deviation gain / sqrt(fan in), which keeps the variance of activations from layer to layer under
/// a (leaky) ReLU. `leak` is the slope of the activation below zero. Throws ShapeError for less
/// than two axes, as all that take the shape of a weight do.
Array kaiming_normal(const Shape& weight, Scalar leak = 0, Random& random = default_random());
/// The same deviation, uniform in (-bound, bound) with bound = gain sqrt(3 / fan in).
Array kaiming_uniform(const Shape& weight, Scalar leak = 0, Random& random = default_random());

/// Glorot and Bengio, "Understanding the difficulty of training deep feedforward networks", 2010:
/// standard deviation gain sqrt(2 / (fan in + fan out)), between what keeps the variance of
/// activations and what keeps that of gradients, without an activation in between.
Array xavier_normal(const Shape& weight, Scalar gain = 1, Random& random = default_random());
/// The same deviation, uniform in (-bound, bound) with bound = gain sqrt(6 / (fan in + fan out)).
Array xavier_uniform(const Shape& weight, Scalar gain = 1, Random& random = default_random());

/// sqrt(2 / (1 + leak^2)).
Scalar leaky_relu_gain(Scalar leak);

/// What PyTorch gives a new Linear or Conv2d: weights and biases uniform in +-1 / sqrt(fan in).
/// (It writes this as kaiming_uniform with leak sqrt(5).) `weight` is the shape of the weight, for
/// both; the bias is (out). Throws ShapeError for less than two axes.
/// @{
Array default_weight(const Shape& weight, Random& random = default_random());
Array default_bias(const Shape& weight, Random& random = default_random());
/// @}

}  // namespace kindling::nn
