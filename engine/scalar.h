#pragma once

/// The one number type of the engine. float is what ships; the tests compile the same sources a
/// second time with KINDLING_DOUBLE, because a gradient can only be checked in double. The inline
/// namespace gives the two builds different symbols, so that mixing them is a link error and not
/// a wrong result.
#ifdef KINDLING_DOUBLE
#define KINDLING_PRECISION f64
#else
#define KINDLING_PRECISION f32
#endif

namespace kindling {
inline namespace KINDLING_PRECISION {

/// float, or double where gradients are checked.
#ifdef KINDLING_DOUBLE
using Scalar = double;
#else
using Scalar = float;
#endif

}  // namespace KINDLING_PRECISION
}  // namespace kindling
