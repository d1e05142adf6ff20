#pragma once

#include <functional>

#include "engine/shape.h"

namespace kindling {

/// A number that changes as the training goes on: what it is in step `step` of `steps`. A pure
/// function, so that a fit which goes on where it was interrupted needs to remember nothing of it.
using Schedule = std::function<double(Index step, Index steps)>;

struct OneCycleOptions {
  double max = 0.1;        ///< The highest rate,
  double warm_up = 0.3;    ///< reached after this share of the steps,
  double div = 25;         ///< from max / div,
  double final_div = 1e4;  ///< and from there down to max / div / final_div.
};

/// Up and down along half a cosine each (Smith and Topin, "Super-convergence", 2018), as PyTorch's
/// OneCycleLR has it. Throws Error for a max that is negative or not finite, a warm_up outside [0,
/// 1] or a divisor that is not positive.
Schedule one_cycle(OneCycleOptions options);

}  // namespace kindling
