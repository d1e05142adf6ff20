#pragma once

#include "engine/kernels/update.h"

/// In-place arithmetic on plain Arrays, off the tape: what optimizers are made of.
namespace kindling {

using kernels::add_scaled;  ///< y += a * x
using kernels::scale;       ///< y *= a

}  // namespace kindling
