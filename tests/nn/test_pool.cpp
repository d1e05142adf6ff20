#include "nn/pool.h"

#include <doctest/doctest.h>

#include <string>

#include "engine/engine.h"
#include "nn/layers.h"
#include "tests/support/errors.h"
#include "tests/support/nn_fixtures.h"
#include "tests/support/nn_support.h"

using namespace kindling;
using namespace kindling::test;

namespace {

constexpr double kTolerance = sizeof(Scalar) == 8 ? 1e-12 : 1e-5;

template <class Pool>
void compare(const Json& row) {
  const auto number = [&](const char* name) { return static_cast<Index>(row[name].number); };
  Pool layer(number("kernel"), {.stride = Pair(number("stride")),
                                .padding = number("padding"),
                                .ceil_mode = number("ceil_mode") != 0});
  const Tensor x(to_array(nhwc(row["input"].plain())), true), y = layer(x);
  CAPTURE(layer.to_string());
  CHECK(difference(y.value(), nhwc(row["output"].plain()), kTolerance) == "");
  y.backward(to_array(nhwc(row["doutput"].plain())));
  CHECK(difference(x.grad(), nhwc(row["dinput"].plain()), kTolerance) == "");
}

}  // namespace

TEST_CASE("MaxPool2d and AvgPool2d are PyTorch's") {
  for (const Json& row : reference_cases("max_pool2d")) compare<nn::MaxPool2d>(row);
  for (const Json& row : reference_cases("avg_pool2d"))
    if (row["count_include_pad"].number != 0) compare<nn::AvgPool2d>(row);
}

TEST_CASE("windows lie side by side unless a stride is given; ceil mode divides by what is there") {
  const Tensor x(Array({1, 3, 3, 1}, {1, 2, 3, 4, 5, 6, 7, 8, 9}));
  CHECK(same_bits(nn::AvgPool2d(2)(x).value(), Array({1, 1, 1, 1}, {3})));
  CHECK(same_bits(nn::AvgPool2d(2, {.ceil_mode = true})(x).value(),
                  Array({1, 2, 2, 1}, {3, 4.5, 7.5, 9})));
  CHECK(same_bits(nn::MaxPool2d(2, {.stride = Pair(1)})(x).value(),
                  Array({1, 2, 2, 1}, {5, 6, 8, 9})));
  CHECK(nn::AvgPool2d(2, {.ceil_mode = true}).to_string() ==
        "AvgPool2d(kernel 2x2, stride 2x2, padding 0x0, ceil mode)");
}

TEST_CASE("GlobalAvgPool is the mean over the pixels") {
  const Tensor x(Array({2, 2, 1, 2}, {1, 10, 3, 30, 5, 50, 9, 70}));
  CHECK(same_bits(nn::GlobalAvgPool()(x).value(), Array({2, 2}, {2, 20, 7, 60})));
  CHECK(message_of<ShapeError>([] {
          nn::GlobalAvgPool()(Tensor(Array({2, 3}, Scalar{1})));
        }) == "[global_avg_pool] x (2,3): images (N,H,W,C) expected");
}

TEST_CASE("Identity hands its input on") {
  const Tensor x(Array({2}, {1, 2}), true);
  nn::Identity layer;
  CHECK(layer(x).node() == x.node());
}

TEST_CASE("pools refuse windows that make none") {
  CHECK_THROWS_AS(nn::AvgPool2d(0), ShapeError);
  CHECK_THROWS_AS(nn::MaxPool2d(2, {.stride = Pair(0)}), ShapeError);
  CHECK(message_of<ShapeError>([] { nn::AvgPool2d(2, {.padding = 2}); }) ==
        "[avg_pool2d] kernel 2x2, stride 2x2, padding 2x2: kernel and stride of at least 1 and "
        "padding of at most half the kernel expected");
}
