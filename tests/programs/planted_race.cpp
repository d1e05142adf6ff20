// Two threads add to the same number: what ThreadSanitizer must find.

#include <cmath>
#include <cstdio>

#include "engine/array.h"
#include "engine/parallel.h"

int main() {
  using namespace kindling;
  set_threads(2);
  Array sum = Array::scalar(0);
  Scalar* const total = sum.data();
  parallel_for(1000, kGrain, [&](Index i) {
    Scalar work = 0;  // so much that the second thread gets some of it
    for (Index k = 0; k < 10'000; ++k) work += std::sqrt(static_cast<Scalar>(i + k));
    *total += work;
  });
  std::printf("%g\n", static_cast<double>(*total));
}
