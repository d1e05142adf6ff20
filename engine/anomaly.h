#pragma once

#include <span>

#include "engine/tape.h"
#include "engine/where.h"

namespace kindling {

/// While one of these lives, the first op of this thread that makes a NaN or an infinity, forward
/// or backward, throws an Error that names it, where it stands in the model, and what it was given:
///
///     1.0: [log] y (64,10) is -inf at element 7; its inputs are finite
///     1.0: [log] backward makes nan at element 7 of dx0 (64,10), from a dy that is finite
///
/// Every value is looked at, so what would be computed in one pass is not; the numbers are the
/// same. Without a guard it costs one look at a flag an op. What is recorded under a guard is
/// watched in its backward pass too.
class [[nodiscard]] DetectAnomaly {
 public:
  DetectAnomaly();
  ~DetectAnomaly();
  DetectAnomaly(const DetectAnomaly&) = delete;
  DetectAnomaly& operator=(const DetectAnomaly&) = delete;

 private:
  bool before_;
  where::Asked asked_;
};

/// What the tape does for it.
namespace anomaly {

bool detecting();  ///< Whether a guard lives in this thread.

/// Throws Error when the value of an op is not finite.
void check_forward(const Op& op, const Array& y, std::span<const Tensor> inputs);
/// The backward function that checks what it has made.
BackwardFn watched(const Op& op, BackwardFn backward);

}  // namespace anomaly

}  // namespace kindling
