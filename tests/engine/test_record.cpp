// What an op may hand over to the tape, and what it gets refused.

#include <doctest/doctest.h>

#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "engine/engine.h"
#include "tests/support/errors.h"

namespace kindling::test {

namespace {

std::vector<Scalar> list(const Array& x) { return {x.values().begin(), x.values().end()}; }
using List = std::vector<Scalar>;

template <class O>
concept Recordable = requires(O&& op) {
  record(std::forward<O>(op), Lazy(), std::vector<Tensor>(), BackwardFn());
};

}  // namespace

TEST_CASE("a gradient of another shape is refused, also one of as many numbers") {
  static const Op op{"test_transposes"};
  for (const Shape& wrong : {Shape{3, 2}, Shape{6}, Shape{2, 1}, Shape{}}) {
    CAPTURE(wrong);
    const Tensor x(Array(Shape{2, 3}, 1), true);
    const Tensor y = record(op, x.value(), {x},
                            [wrong](const Array&, Grads& grads) { grads.add(0, Array(wrong, 1)); });
    CHECK(message_of<ShapeError>([&] { sum(y).backward(); }) ==
          str("[test_transposes] gradient ", wrong, " of input 0 (2,3): its shape expected"));
  }
  // One that the input was broadcast to is summed.
  const Tensor x(Array(Shape{1, 3}, 1), true);
  const Tensor y = record(op, Array(Shape{4, 2, 3}, 0), {x},
                          [](const Array& dy, Grads& grads) { grads.add(0, dy); });
  sum(y).backward();
  CHECK(list(x.grad()) == List{8, 8, 8});
}

TEST_CASE("the value of a temporary may be kept, and a temporary op not recorded") {
  static_assert(std::is_same_v<decltype(std::declval<Tensor>().value()), const Array>);
  static_assert(std::is_same_v<decltype(std::declval<const Tensor&>().value()), const Array&>);
  const Array& kept = (Tensor(Array({2}, {1, 2})) * Tensor(Array({2}, {3, 4}))).value();
  CHECK(list(kept) == List{3, 8});
  static_assert(Recordable<const Op&>);
  static_assert(!Recordable<Op>);
}

}  // namespace kindling::test
