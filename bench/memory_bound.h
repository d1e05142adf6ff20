#pragma once

#include "bench/oracle.h"
#include "engine/tensor.h"

/// What the files have in common whose cases are bound by memory: arrays of 64 MiB.
namespace kindling::bench {

inline constexpr Index kNumbers = 16 << 20;  ///< floats in 64 MiB

/// 64 MiB of noise under a shape of that size, made once a seed and shared.
Array large(const Shape& shape, int seed);

/// A case in which `read` and `written` arrays of 64 MiB pass by.
Case memory_bound(const std::string& name, double read, double written,
                  std::function<Trial()> prepare, bool in_place = false);

/// Ours alone, compared with f(i), element by element.
Trial ours_alone(const std::function<Array()>& run, const std::function<double(Index)>& f,
                 double slack = 1e-5);

/// The gradient of x behind y = op(x), with a given cotangent; the forward pass is not part of it.
Trial gradient_alone(const Array& x, const std::function<Tensor(const Tensor&)>& op,
                     const Array& cotangent, const std::function<double(Index)>& f,
                     double slack = 1e-5);

}  // namespace kindling::bench
