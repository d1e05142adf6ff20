#pragma once

#include "engine/kernels/reduce.h"
#include "engine/kernels/update.h"

/// Arithmetic on plain Arrays, in place and off the tape: what optimizers are made of.
namespace kindling {

using kernels::add_scaled;  ///< y += a * x
using kernels::norm;        ///< root of the sum of squares, in double
using kernels::scale;       ///< y *= a

using kernels::adam_step;  ///< One step of Adam or AdamW, for many parameters,
using kernels::AdamSlot;
using kernels::AdamStep;
using kernels::rms_step;  ///< of RMSprop,
using kernels::RmsSlot;
using kernels::RmsStep;
using kernels::sgd_step;  ///< and of SGD.
using kernels::SgdSlot;
using kernels::SgdStep;

}  // namespace kindling
