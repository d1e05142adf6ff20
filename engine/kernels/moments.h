#pragma once

#include "engine/array.h"

/// Apart from norm.h, so that who includes an op does not include the processor's intrinsics.
namespace kindling::kernels {

/// The mean of every channel and its mean squared distance from it (over n, not n - 1).
struct Moments {
  Array mean, variance;
};

}  // namespace kindling::kernels
