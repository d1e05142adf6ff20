#pragma once

#include "engine/kernels/gemm.h"
#include "engine/tensor.h"

namespace kindling {

using kernels::Trans;

/// (N, K) x (K, M) -> (N, M), with either operand read transposed when asked: no copy is made.
/// More axes in front are a batch, and broadcast: (B..., N, K) x (B..., K, M) -> (B..., N, M).
/// Throws ShapeError when K or the batches do not fit or an operand has less than two axes.
Tensor matmul(const Tensor& a, const Tensor& b, Trans trans = Trans::none);

}  // namespace kindling
