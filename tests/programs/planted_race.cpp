// Two threads add to the same number: what ThreadSanitizer must find.

#include <cstdio>

#include "engine/array.h"
#include "engine/parallel.h"

int main() {
  using namespace kindling;
  set_threads(2);
  Array sum = Array::scalar(0);
  Scalar* const total = sum.data();
  parallel_for(1000, kGrain, [&](Index i) { *total += static_cast<Scalar>(i); });
  std::printf("%g\n", static_cast<double>(*total));
}
