#pragma once

#include "bench/workloads.h"

/// The plain sums, in double, for all outputs of a small case and a random sample of a large one.
namespace kindling::bench {

Expected expected_matmul(const Matmul& problem);
Expected expected_conv(const Conv& problem, Pass pass);

/// f(i) for a sample of [0, n), each allowed to be off by slack * (1 + |f(i)|).
Expected expected_each(Index n, const std::function<double(Index)>& f, double slack = 1e-5);

}  // namespace kindling::bench
