// Batch norm on 64 MiB of images.

#include "bench/memory_bound.h"

namespace kindling::bench {

void norm_cases(Cases&) {}

}  // namespace kindling::bench
