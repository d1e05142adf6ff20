#pragma once

#include <memory>

#include "nn/layers.h"

namespace kindling::nn {

/// A Sequential of a convolution with padding kernel / 2, so that an odd kernel with stride 2
/// halves the image, and a
/// ReLU behind it unless it is the last.
std::unique_ptr<Module> conv(Index in, Index out, Index kernel = 3, Index stride = 2,
                             bool activation = true);

/// The lesson's network for 28 x 28 grey images: five stride-2 convolutions, 1-8-16-32-64-10,
/// kernels 5 then 3. (N,28,28,1) -> (N,10).
std::unique_ptr<Sequential> conv_net();

/// Draws the weights of every Conv2d and Linear anew by kaiming_normal() for an activation of this
/// leak; biases stay as they are.
void kaiming_init(Module& model, Scalar leak = 0);

/// A dense network with one hidden layer: (N, ...) -> (N, out).
std::unique_ptr<Sequential> mlp(Index in, Index hidden, Index out);

}  // namespace kindling::nn
