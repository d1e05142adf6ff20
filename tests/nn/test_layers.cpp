#include "nn/layers.h"

#include <doctest/doctest.h>

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "tests/support/errors.h"
#include "tests/support/gradcheck.h"
#include "tests/support/gradcheck_module.h"
#include "tests/support/nn_fixtures.h"
#include "tests/support/nn_support.h"
#include "tests/support/plain.h"

using namespace kindling;
using namespace kindling::test;

namespace {

constexpr double kTolerance = sizeof(Scalar) == 8 ? 1e-12 : 1e-5;

Array random(const Shape& shape, std::uint64_t seed) { return Random(seed).uniform(shape, -1, 1); }

/// y[..., m] = b[m] + sum_k x[..., k] w[k, m], one number after the other.
Plain naive_linear(const Plain& x, const Plain& w, const Plain* b) {
  return build(x.shape.with(-1, w.shape[1]), [&](Position p) {
    const Index m = p.back();
    double y = b ? b->at({m}) : 0;
    for (Index k = 0; k < w.shape[0]; ++k) y += (p.back() = k, x.at(p)) * w.at({k, m});
    return y;
  });
}

/// y[n,i,j,m] = b[m] + sum over h, w, c of x[n, i s - p + h, j s - p + w, c] W[h,w,c,m].
Plain naive_conv(const Plain& x, const Plain& w, const Plain* b, Pair stride, Pair padding) {
  const Index oh = (x.shape[1] + 2 * padding.h - w.shape[0]) / stride.h + 1;
  const Index ow = (x.shape[2] + 2 * padding.w - w.shape[1]) / stride.w + 1;
  return build({x.shape[0], oh, ow, w.shape[3]}, [&](const Position& p) {
    double y = b ? b->at({p[3]}) : 0;
    each_position(w.shape, [&](const Position& k) {
      const Index row = p[1] * stride.h - padding.h + k[0];
      const Index column = p[2] * stride.w - padding.w + k[1];
      const bool inside =
          0 <= row && row < x.shape[1] && 0 <= column && column < x.shape[2] && k[3] == p[3];
      if (inside) y += x.at({p[0], row, column, k[2]}) * w.at(k);
    });
    return y;
  });
}

}  // namespace

TEST_CASE("Linear is x W + b over the last axis of an input of any rank") {
  for (const bool biased : {true, false})
    for (const Shape& shape :
         {Shape{5}, Shape{1, 5}, Shape{7, 5}, Shape{2, 3, 5}, Shape{2, 1, 3, 5}, Shape{0, 5}}) {
      nn::Linear layer(5, 3, biased);
      const Array x = random(shape, 11);
      const Plain b = biased ? to_plain(layer.bias.value()) : Plain{};
      const Plain y =
          naive_linear(to_plain(x), to_plain(layer.weight.value()), biased ? &b : nullptr);
      CHECK(difference(layer(Tensor(x)).value(), y, kTolerance) == "");
    }
}

TEST_CASE("Linear registers weight (in, out) and, if there is one, bias (out)") {
  nn::Linear biased(5, 3), plain(5, 3, false);
  CHECK(paths(biased.named_parameters()) == std::vector<std::string>{"weight", "bias"});
  CHECK(biased.weight.shape() == Shape{5, 3});
  CHECK(biased.bias.shape() == Shape{3});
  CHECK(paths(plain.named_parameters()) == std::vector<std::string>{"weight"});
  CHECK_FALSE(plain.bias.defined());
}

TEST_CASE("Conv2d meets the image with its kernels at every stride and padding") {
  struct Row {
    Pair kernel, stride, padding;
    Shape x;
  };
  for (const Row& row :
       {Row{3, 1, 1, {2, 5, 6, 2}}, Row{3, 2, 1, {2, 7, 4, 2}}, Row{5, 2, 2, {1, 9, 9, 2}},
        Row{1, 1, 0, {3, 2, 3, 2}}, Row{{2, 3}, {1, 2}, {0, 1}, {2, 5, 6, 2}},
        Row{3, 1, 0, {0, 5, 5, 2}}, Row{{1, 4}, {3, 1}, {2, 3}, {1, 4, 4, 2}}})
    for (const bool biased : {true, false}) {
      nn::Conv2d layer(2, 3, row.kernel, row.stride, row.padding, biased);
      const Array x = random(row.x, 12);
      const Plain b = biased ? to_plain(layer.bias.value()) : Plain{};
      const Plain y = naive_conv(to_plain(x), to_plain(layer.weight.value()), biased ? &b : nullptr,
                                 row.stride, row.padding);
      CAPTURE(layer.to_string());
      CHECK(difference(layer(Tensor(x)).value(), y, kTolerance) == "");
    }
}

TEST_CASE("Conv2d takes one step and no padding unless told otherwise") {
  nn::Conv2d layer(1, 2, {3, 2});
  CHECK(layer.weight.shape() == Shape{3, 2, 1, 2});
  CHECK(layer.bias.shape() == Shape{2});
  CHECK(layer(Tensor(random({1, 7, 7, 1}, 13))).shape() == Shape{1, 5, 6, 2});
  CHECK(nn::Conv2d(1, 2, 3, 1, 0, false).parameters().size() == 1);
}

TEST_CASE("Conv2d with PyTorch's weights, laid out our way, gives PyTorch's output") {
  for (const Json& row : reference_cases("conv2d")) {
    const Plain weight = from_torch(row["weight"].plain());
    const bool biased = row.members.contains("bias");
    nn::Conv2d layer(weight.shape[2], weight.shape[3], {weight.shape[0], weight.shape[1]},
                     static_cast<Index>(row["stride"].number),
                     static_cast<Index>(row["padding"].number), biased);
    layer.weight.set_value(to_array(weight));
    if (biased) layer.bias.set_value(to_array(row["bias"].plain()));
    const Tensor x(to_array(nhwc(row["input"].plain())));
    CHECK(difference(layer(x).value(), nhwc(row["output"].plain()), kTolerance) == "");
  }
}

TEST_CASE("ReLU keeps what is positive") {
  nn::ReLU layer;
  const Tensor x(Array({2, 3}, {-2, -0.5, 0, 0.5, 1, 3}), true), y = layer(x);
  CHECK(same_bits(y.value(), Array({2, 3}, {0, 0, 0, 0.5, 1, 3})));
  y.backward(Array({2, 3}, Scalar{4}));
  CHECK(same_bits(x.grad(), Array({2, 3}, {0, 0, 0, 4, 4, 4})));
  CHECK(layer.parameters().empty());
}

TEST_CASE("Flatten lays images out as (C, H, W), as PyTorch does") {
  nn::Flatten layer;
  const Array x = random({2, 3, 4, 5}, 14);
  const Tensor y = layer(Tensor(x));
  REQUIRE(y.shape() == Shape{2, 60});
  const Plain image = to_plain(x);
  CHECK(same_bits(y.value(), to_array(build({2, 60}, [&](const Position& p) {
                    const Index c = p[1] / 12, h = p[1] / 4 % 3, w = p[1] % 4;
                    return image.at({p[0], h, w, c});
                  }))));
}

TEST_CASE("Flatten leaves the order alone where there is only one, and costs nothing there") {
  nn::Flatten layer;
  for (const Shape& shape :
       {Shape{4, 1, 1, 10}, Shape{4, 10}, Shape{4, 2, 5}, Shape{4, 1, 2, 1, 5}}) {
    const Tensor x(random(shape, 15)), y = layer(x);
    CHECK(y.shape() == Shape{4, 10});
    CHECK(y.value().data() == x.value().data());
  }
  CHECK(layer(Tensor(random({0, 3, 4, 5}, 16))).shape() == Shape{0, 60});
  CHECK(layer(Tensor(random({2, 3, 0, 5}, 16))).shape() == Shape{2, 0});
  CHECK(message_of<ShapeError>([&] { layer(Tensor(random({3}, 16))); }) ==
        "[flatten] x (3): at least two axes expected");
}

TEST_CASE("Sequential calls its layers one after the other") {
  nn::Sequential model(nn::make<nn::Linear>(4, 3), nn::make<nn::ReLU>());
  nn::Module& last = model.add(nn::make<nn::Linear>(3, 2));
  REQUIRE(model.size() == 3);
  CHECK(&model[2] == &last);
  const Tensor x(random({5, 4}, 17));
  CHECK(same_bits(model(x).value(), last(model[1](model[0](x))).value()));
  CHECK(nn::Sequential()(x).value().data() == x.value().data());
}

TEST_CASE("Sequential refuses layers that are not there") {
  nn::Sequential model(nn::make<nn::ReLU>());
  CHECK(message_of<Error>([&] { model[1]; }) == "[sequential] there is no layer 1 of 1");
  CHECK(message_of<Error>([&] { model[-1]; }) == "[sequential] there is no layer -1 of 1");
  CHECK(message_of<Error>([&] { model.add(nullptr); }) == "[module] child '1' is null");
  CHECK(model.size() == 1);
  CHECK_NOTHROW(model.add(nn::make<nn::ReLU>()));
  CHECK(paths(model.children()) == std::vector<std::string>{"0", "1"});
}

TEST_CASE("Linear refuses widths below 1 and inputs of another width") {
  CHECK(message_of<ShapeError>([] { nn::Linear(0, 5); }) ==
        "[linear] widths 0 -> 5: at least 1 expected");
  CHECK(message_of<ShapeError>([] { nn::Linear(5, 0); }) ==
        "[linear] widths 5 -> 0: at least 1 expected");
  CHECK_THROWS_AS(nn::Linear(-1, 5), ShapeError);
  CHECK_THROWS_AS(nn::Linear(Index{1} << 40, Index{1} << 40), ShapeError);
  nn::Linear layer(5, 2);
  CHECK(message_of<ShapeError>([&] {
          layer(Tensor(random({3, 4}, 18)));
        }) == "[linear] x (3,4): weight (5,2) expects 5 features");
  CHECK(message_of<ShapeError>([&] { layer(Tensor(1)); }) ==
        "[linear] x (): weight (5,2) expects 5 features");
}

TEST_CASE("Conv2d refuses widths, kernels, strides and paddings that make no convolution") {
  CHECK(message_of<ShapeError>([] { nn::Conv2d(0, 5, 3); }) ==
        "[conv2d] widths 0 -> 5: at least 1 expected");
  CHECK_THROWS_AS(nn::Conv2d(5, 0, 3), ShapeError);
  const auto fails = [](Pair kernel, Pair stride, Pair padding) {
    return message_of<ShapeError>([&] { nn::Conv2d(1, 1, kernel, stride, padding); });
  };
  const std::string end = ": kernel and stride of at least 1 and padding of at least 0 expected";
  CHECK(fails(0, 1, 0) == "[conv2d] kernel 0x0, stride 1x1, padding 0x0" + end);
  CHECK(fails({3, 0}, 1, 0) == "[conv2d] kernel 3x0, stride 1x1, padding 0x0" + end);
  CHECK(fails({-3, 3}, 1, 0) == "[conv2d] kernel -3x3, stride 1x1, padding 0x0" + end);
  CHECK(fails(3, {0, 1}, 0) == "[conv2d] kernel 3x3, stride 0x1, padding 0x0" + end);
  CHECK(fails(3, {1, -2}, 0) == "[conv2d] kernel 3x3, stride 1x-2, padding 0x0" + end);
  CHECK(fails(3, 1, {-1, 0}) == "[conv2d] kernel 3x3, stride 1x1, padding -1x0" + end);
  CHECK(fails(3, 1, {0, -1}) == "[conv2d] kernel 3x3, stride 1x1, padding 0x-1" + end);
  CHECK(fails(3, 1, 0) == "<nothing was thrown>");
}

TEST_CASE("Dropout keeps a share of the numbers and the mean, in training alone") {
  nn::Dropout layer(0.25);
  const Array ones({200, 500}, 1);
  CHECK_FALSE(same_bits(layer(Tensor(ones)).value(), layer(Tensor(ones)).value()));  // drawn anew
  const Tensor x(ones, true), y = layer(x);
  Index kept = 0;
  for (const Scalar v : y.value().values()) {
    const bool zero = v == 0;
    CHECK_UNARY((zero || v == Scalar(1 / 0.75)));
    kept += !zero;
  }
  // 75,000 of 100,000 are expected, give or take 137; six times that happens once in 10^9.
  CHECK(std::abs(static_cast<double>(kept) - 75000) < 6 * 137);
  y.backward(Array({200, 500}, 3));
  for (Index i = 0; i < 100; ++i) CHECK(x.grad()[i] == 3 * y.value()[i]);

  layer.eval();
  CHECK(same_bits(layer(x).value(), ones));
  const Random::State before = default_random().state();
  nn::Dropout none(0);
  CHECK(same_bits(none(x).value(), ones));
  CHECK(default_random().state() == before);
  for (const double p : {-0.1, 1.0, std::nan("")})
    CHECK(begins(message_of([&] { nn::Dropout{p}; }), "[dropout] p "));
  CHECK(layer.to_string() == "Dropout(p 0.25)");
}

#ifdef KINDLING_DOUBLE
TEST_CASE("the gradients of every layer are those of its forward") {
  nn::Linear linear(4, 3), plain_linear(4, 3, false);
  CHECK(gradcheck_module("linear", linear, random({5, 4}, 21)) == "");
  CHECK(gradcheck_module("linear", linear, random({4}, 22)) == "");
  CHECK(gradcheck_module("linear", linear, random({2, 3, 4}, 22)) == "");
  CHECK(gradcheck_module("linear without bias", plain_linear, random({5, 4}, 23)) == "");
  nn::Conv2d conv(2, 3, 3, 2, 1), plain_conv(2, 3, {2, 3}, 1, {0, 1}, false);
  CHECK(gradcheck_module("conv2d", conv, random({2, 5, 6, 2}, 24)) == "");
  CHECK(gradcheck_module("conv2d without bias", plain_conv, random({2, 4, 4, 2}, 25)) == "");
  nn::ReLU relu;
  Random generator(26);
  CHECK(gradcheck_module("relu", relu, draw({4, 5}, {.kinks = {0}}, generator)) == "");
  nn::Flatten flatten;
  CHECK(gradcheck_module("flatten", flatten, random({2, 3, 2, 4}, 27)) == "");
  CHECK(gradcheck_module("flatten", flatten, random({2, 1, 1, 4}, 28)) == "");
  nn::Sequential model(nn::make<nn::Conv2d>(1, 2, 3), nn::make<nn::Flatten>(),
                       nn::make<nn::Linear>(8, 3));
  CHECK(gradcheck_module("sequential", model, random({3, 4, 4, 1}, 29)) == "");
}
#endif
