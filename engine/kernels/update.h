#pragma once

#include "engine/array.h"

namespace kindling::kernels {

/// Kernels that change an array in place. One that shares its buffer gets a buffer of its own
/// first.

/// y += a * x, same shapes.
void add_scaled(Array& y, Scalar a, const Array& x);
/// y *= a.
void scale(Array& y, Scalar a);

}  // namespace kindling::kernels
