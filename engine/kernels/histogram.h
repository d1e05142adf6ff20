#pragma once

#include "engine/array.h"

namespace kindling::kernels {

/// How many elements fall into each of `bins` equal cells of [low, high]; high belongs to the last
/// cell, what lies outside (or is not a number) is not counted: torch.histc. With `absolute`, of
/// |x|.
IntArray histogram(const Array& x, int bins, Scalar low, Scalar high, bool absolute = false);

}  // namespace kindling::kernels
