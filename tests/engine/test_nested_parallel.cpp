#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

#include "engine/kernels/conv2d.h"
#include "engine/parallel.h"
#include "engine/random.h"

// Somebody else's threads may call us, more of them than we would start ourselves.

namespace kindling::test {

TEST_CASE("a convolution inside another program's parallel region gives the same bits") {
  Random random(1);
  const Array x = random.normal({9, 7, 7, 5}), w = random.normal({3, 3, 5, 6});
  const kernels::Window window{3, 3, 2, 2, 1, 1};
  const int before = max_threads();
  set_threads(2);
  const Array expected = kernels::conv2d(x, w, Array(), window);
  constexpr int kCallers = 8;
  std::vector<Array> results(kCallers);
#pragma omp parallel for num_threads(kCallers) schedule(static, 1)
  for (int i = 0; i < kCallers; ++i)
    results[static_cast<std::size_t>(i)] = kernels::conv2d(x, w, Array(), window);
  set_threads(before);
  for (const Array& y : results)
    CHECK(std::equal(y.values().begin(), y.values().end(), expected.values().begin()));
}

TEST_CASE("set_threads: one at least") {
  const int before = max_threads();
  for (const int few : {0, -3}) {
    set_threads(few);
    CHECK(max_threads() == 1);
  }
  set_threads(before);
}

}  // namespace kindling::test
