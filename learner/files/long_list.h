#pragma once

#include <vector>

#include "engine/array.h"

namespace kindling {

/// A list of 1,000 numbers or more as an array (rows, length), one to three rows, whose columns add
/// up to its numbers, exactly: a double is a float, or a float and what is left of it, and so on.
/// Most lists need a single row. Undefined for a shorter list, and for one that holds a number
/// beyond the largest float or not a sum of three (1e300, 5e-324), or an Index beyond 2^53.
Array long_list(const std::vector<double>& values);
/// Likewise.
Array long_list(const std::vector<Index>& values);

/// The numbers of such an array; false where it is none, or holds other numbers than an Index can.
bool read_long_list(const Array& rows, std::vector<double>& values);
/// Likewise.
bool read_long_list(const Array& rows, std::vector<Index>& values);

}  // namespace kindling
