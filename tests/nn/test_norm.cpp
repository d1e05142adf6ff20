#include "nn/norm.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "nn/layers.h"
#include "tests/support/errors.h"
#include "tests/support/gradcheck_module.h"
#include "tests/support/nn_fixtures.h"
#include "tests/support/nn_support.h"
#include "tests/support/plain.h"

using namespace kindling;
using namespace kindling::test;

namespace {

constexpr double kReferenceTolerance = sizeof(Scalar) == 8 ? 1e-9 : 2e-3;

Array random(const Shape& shape, std::uint64_t seed) { return Random(seed).uniform(shape, -1, 1); }

/// PyTorch keeps the channels on axis 1, we keep them last.
Plain channels_last(const Plain& x) {
  const Shape& s = x.shape;
  if (s.rank() != 3) return nhwc(x);
  return build({s[0], s[2], s[1]}, [&](const Position& p) { return x.at({p[0], p[2], p[1]}); });
}

void walk_batches(nn::BatchNorm& layer, const Json& row) {
  layer.weight.set_value(to_array(row["weight"].plain()));
  layer.bias.set_value(to_array(row["bias"].plain()));
  for (const Json& batch : row["batches"].items) {
    layer.train(batch["training"].number != 0);
    layer.zero_grad();
    const Tensor x(to_array(channels_last(batch["input"].plain())), true), y = layer(x);
    y.backward(to_array(channels_last(batch["doutput"].plain())));
    const auto same = [&](const Array& got, const char* name) {
      CAPTURE(name);
      CHECK(difference(got, channels_last(batch[name].plain()), kReferenceTolerance) == "");
    };
    same(y.value(), "output");
    same(x.grad(), "dinput");
    same(layer.weight.grad(), "dweight");
    same(layer.bias.grad(), "dbias");
    same(layer.running_mean.value(), "running_mean");
    same(layer.running_var.value(), "running_var");
  }
  CHECK(layer.num_batches_tracked.item() == 2);
}

}  // namespace

TEST_CASE("BatchNorm is PyTorch's: values, gradients, running statistics, both modes") {
  for (const Json& row : reference_cases("batch_norm", "layers.json")) {
    const nn::BatchNormOptions options{row["eps"].number, row["momentum"].number};
    const Index channels = row["weight"].plain().shape[0];
    if (row["batches"].items[0]["input"].plain().shape.rank() == 4) {
      nn::BatchNorm2d layer(channels, options);
      walk_batches(layer, row);
    } else {
      nn::BatchNorm1d layer(channels, options);
      walk_batches(layer, row);
    }
  }
}

TEST_CASE("BatchNorm's state has PyTorch's names and first values") {
  const nn::BatchNorm2d layer(5);
  CHECK(paths(layer.named_parameters()) == std::vector<std::string>{"weight", "bias"});
  CHECK(paths(layer.named_buffers()) ==
        std::vector<std::string>{"running_mean", "running_var", "num_batches_tracked"});
  CHECK(same_bits(layer.weight.value(), Array({5}, Scalar{1})));
  CHECK(same_bits(layer.bias.value(), Array({5}, Scalar{0})));
  CHECK(same_bits(layer.running_mean.value(), Array({5}, Scalar{0})));
  CHECK(same_bits(layer.running_var.value(), Array({5}, Scalar{1})));
  CHECK(layer.to_string() == "BatchNorm2d(5, eps 1e-05, momentum 0.1)");
}

TEST_CASE("a mean a thousand deviations away costs the deviation few digits") {
  for (const Index channels : {1, 8, 10, 200}) {
    Random generator(7);
    const Array x = generator.normal({6000, channels}, 1000, 1);
    nn::BatchNorm1d layer(channels, {.momentum = 1});
    layer(Tensor(x));
    for (Index c = 0; c < channels; ++c) {
      double mean = 0, square = 0;
      for (Index i = 0; i < 6000; ++i) mean += x[i * channels + c] / 6000.0;
      for (Index i = 0; i < 6000; ++i) {
        const double d = x[i * channels + c] - mean;
        square += d * d / 5999;
      }
      const double tolerance = sizeof(Scalar) == 8 ? 1e-11 : 1e-5;
      CHECK(std::abs(layer.running_mean.value()[c] - mean) <= tolerance * 1000);
      CHECK(std::abs(layer.running_var.value()[c] - square) <= tolerance * square);
    }
  }
}

TEST_CASE("evaluation changes no statistics and sees rows one by one") {
  nn::BatchNorm1d layer(4);
  const Tensor x(random({6, 4}, 1));
  layer(x);
  layer.eval();
  const Array mean = layer.running_mean.value(), y = layer(x).value();
  CHECK(same_bits(layer.running_mean.value(), mean));
  CHECK(layer.num_batches_tracked.item() == 1);
  CHECK(same_bits(layer(Tensor(x.value().rows(2, 3))).value(), y.rows(2, 3)));
}

TEST_CASE("in evaluation one infinite number spoils no other's gradient") {
  const Tensor x(Array({2, 1}, {std::numeric_limits<Scalar>::infinity(), 1}), true);
  const Tensor weight(Array({1}, {2}), true), bias(Array({1}, {0}), true);
  const Moments running{Array({1}, {0}), Array({1}, {Scalar(0.25)})};
  batch_norm_eval(x, weight, bias, running, 0).backward(Array({2, 1}, {3, 1}));
  CHECK(x.grad()[0] == 2 / 0.5 * 3);  // weight / std dy
  CHECK(x.grad()[1] == 2 / 0.5);
}

TEST_CASE("BatchNorm refuses what it cannot normalise") {
  nn::BatchNorm1d one(4);
  nn::BatchNorm2d two(4);
  CHECK(message_of<ShapeError>([&] {
          one(Tensor(random({1, 4}, 1)));
        }) == "[batch_norm] x (1,4): at least two rows expected in training");
  CHECK(message_of<ShapeError>([&] {
          one(Tensor(random({3, 5}, 1)));
        }) == "[batch_norm1d] x (3,5): 4 channels expected");
  CHECK(message_of<ShapeError>([&] {
          one(Tensor(random({2, 2, 2, 4}, 1)));
        }) == "[batch_norm1d] x (2,2,2,4): (N,C) or (N,L,C) expected");
  CHECK(message_of<ShapeError>([&] {
          two(Tensor(random({2, 4}, 1)));
        }) == "[batch_norm2d] x (2,4): images (N,H,W,C) expected");
  CHECK(one.num_batches_tracked.item() == 0);
  one.eval();
  CHECK(one(Tensor(random({1, 4}, 1))).shape() == Shape{1, 4});
  CHECK_THROWS_AS(nn::BatchNorm1d(0), ShapeError);
  CHECK_THROWS_AS(nn::BatchNorm1d(2, {.eps = -1}), Error);
  CHECK_THROWS_AS(nn::BatchNorm1d(2, {.momentum = 1.5}), Error);
}

TEST_CASE("GeneralRelu is the course's") {
  for (const Json& row : reference_cases("general_relu", "layers.json")) {
    const auto number = [&](const char* name) { return static_cast<Scalar>(row[name].number); };
    const bool limited = row.members.contains("max");
    nn::GeneralRelu layer = limited ? nn::GeneralRelu(number("leak"), number("sub"), number("max"))
                                    : nn::GeneralRelu(number("leak"), number("sub"));
    const Tensor x(to_array(row["input"].plain()), true), y = layer(x);
    y.backward(to_array(row["doutput"].plain()));
    CHECK(difference(y.value(), row["output"].plain(), kReferenceTolerance) == "");
    CHECK(difference(x.grad(), row["dinput"].plain(), kReferenceTolerance) == "");
  }
  CHECK(nn::GeneralRelu(0.125, 0.5).to_string() == "GeneralRelu(leak 0.125, sub 0.5)");
  CHECK(nn::GeneralRelu(0, 0, 6).to_string() == "GeneralRelu(leak 0, sub 0, max 6)");
  CHECK_THROWS_AS(nn::GeneralRelu(-0.1), Error);
  const Array nan =
      general_relu(Tensor(Array({1}, {static_cast<Scalar>(std::nan(""))})), 0.1, 0.4, 2).value();
  CHECK(std::isnan(nan[0]));
}

#ifdef KINDLING_DOUBLE
TEST_CASE("the gradients of batch norm and GeneralRelu are those of their forward") {
  nn::BatchNorm2d norm(3);
  CHECK(gradcheck_module("batch_norm", norm, random({2, 3, 3, 3}, 21)) == "");
  norm.eval();
  CHECK(gradcheck_module("batch_norm in evaluation", norm, random({2, 3, 3, 3}, 22)) == "");
  nn::BatchNorm1d flat(10);
  CHECK(gradcheck_module("batch_norm1d", flat, random({5, 10}, 23)) == "");
  nn::GeneralRelu relu(0.1, 0.4);
  Random generator(26);
  CHECK(gradcheck_module("general_relu", relu, draw({4, 5}, {.kinks = {0}}, generator)) == "");
}
#endif

TEST_CASE("LayerNorm is PyTorch's: values and gradients") {
  nn::LayerNorm layer(3);
  layer.weight.set_value(Array({3}, {1, -2, 0.5}));
  layer.bias.set_value(Array({3}, {0.1, 0.2, 0.3}));
  const Tensor x(Array({2, 3}, {1, 2, 4, -1, 0.5, 0.25}), true), y = layer(x);
  y.backward(Array({2, 3}, {1, 2, 3, 0.5, -1, 2}));
  const auto near = [](const Array& got, std::vector<double> want) {
    return difference(got, Plain{got.shape(), std::move(want)}, kReferenceTolerance / 100);
  };
  CHECK(near(y.value(), {-0.9690415314502979, 0.7345207657251491, 0.968150957156436,
                         -1.2969851740426586, -1.5779811305997475, 0.5539973043713925}) == "");
  CHECK(near(x.grad(), {1.7753688616769234, -2.663059735358196, 0.8876908736812732,
                        0.11058556371520423, 0.5530752974564697, -0.6636608611716741}) == "");
  CHECK(near(layer.weight.grad(), {-1.7675341184716271, -1.423511331025023, 5.024894960424186}) ==
        "");
  CHECK(near(layer.bias.grad(), {1.5, 1, 5}) == "");
  CHECK(message_of([&] {
          layer(Tensor(Array({2, 4}, 1)));
        }) == "[layer_norm] x (2,4): 3 features expected");
  CHECK(message_of([] { nn::LayerNorm(0); }) == "[layer_norm] features 0: at least 1 expected");
  CHECK(message_of([] { nn::LayerNorm(3, 0); }) ==
        "[layer_norm] eps 0: a positive number expected");
  CHECK(layer.to_string() == "LayerNorm(3, eps 1e-05)");
}

#ifdef KINDLING_DOUBLE
TEST_CASE("the gradients of LayerNorm are those of its forward") {
  nn::LayerNorm layer(4);
  layer.weight.set_value(random({4}, 41));
  CHECK(gradcheck_module("layer norm", layer, random({3, 4}, 42)) == "");
  CHECK(gradcheck_module("layer norm of images", layer, random({2, 3, 2, 4}, 43)) == "");
}
#endif
