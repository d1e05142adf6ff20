#pragma once

#include "engine/array.h"

namespace kindling::kernels {

/// Which of the two operands is read transposed.
enum class Trans { none, left, right, both };

/// C = A B with the operands transposed as asked: (N, K) x (K, M) -> (N, M).
/// Arrays of rank 3 hold a batch of matrices: (B, N, K) x (B, K, M) -> (B, N, M).
/// Where `row` (M) is given it is added to every row of C. Expects shapes that fit; the op has
/// checked them.
Array gemm(const Array& a, const Array& b, Trans trans = Trans::none, const Array& row = {});

}  // namespace kindling::kernels
