#pragma once

#include "engine/array.h"

namespace kindling::kernels {

/// Equal cells of [low, high] to count numbers in; high belongs to the last cell, what lies outside
/// (or is not a number) is not counted: torch.histc. With `absolute`, of |x|.
struct Cells {
  int bins;
  Scalar low, high;
  bool absolute = false;
};

/// How many elements fall into each cell.
IntArray histogram(const Array& x, const Cells& cells);

/// The same, with the mean of x itself and the sum of squared distances from it, in one pass over
/// memory.
struct Summary {
  double mean, squared_distance;
  IntArray counts;
};
Summary summarize(const Array& x, const Cells& cells);

}  // namespace kindling::kernels
