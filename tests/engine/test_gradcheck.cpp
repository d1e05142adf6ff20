#include "tests/support/gradcheck.h"

#include <doctest/doctest.h>

#include "engine/engine.h"
#include "engine/ops/update.h"
#include "tests/support/errors.h"
#include "tests/support/plain.h"

// The check itself must be able to fail.

namespace kindling::test {

#ifdef KINDLING_DOUBLE

namespace {

enum class Flaw { none, factor, forgotten, one_element };

/// y = x with a way back that may be wrong.
Tensor copy_of(const Tensor& x, Flaw flaw) {
  static const Op op{"test_copy"};
  return record(op, x.value(), {x}, [flaw](const Array& dy, Grads& grads) {
    Array dx = dy;
    if (flaw == Flaw::factor) scale(dx, 1 + 1e-5);
    if (flaw == Flaw::one_element) dx.data()[dx.size() - 1] += 1e-4;
    if (flaw != Flaw::forgotten) grads.add(0, dx);
  });
}

std::string checked(Flaw flaw) {
  Random random(5);
  return gradcheck("copy", [flaw](const Tensors& x) { return copy_of(x[0], flaw); },
                   {random.uniform({3, 5}, -1, 1)});
}

}  // namespace

TEST_CASE("gradcheck passes a right gradient") { CHECK_EQ(checked(Flaw::none), ""); }

TEST_CASE("gradcheck finds a gradient that is off by a little, in one element, or missing") {
  CHECK(begins(checked(Flaw::factor), "gradcheck of copy on (3,5): input 0"));
  CHECK(contains(checked(Flaw::one_element), "element 14"));
  CHECK(contains(checked(Flaw::forgotten), "got no gradient"));
}

TEST_CASE("gradcheck finds a gradient that is not a number") {
  CHECK_NE(gradcheck("sqrt", [](const Tensors& x) { return sqrt(x[0] * 0); }, {Array({2}, {1, 2})}),
           "");
}

#endif

}  // namespace kindling::test
