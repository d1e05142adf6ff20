#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "nn/models.h"
#include "nn/optim.h"
#include "tests/support/errors.h"
#include "tests/support/gradcheck_module.h"
#include "tests/support/nn_fixtures.h"
#include "tests/support/nn_support.h"
#include "tests/support/plain.h"

using namespace kindling;
using namespace kindling::test;

namespace {

#ifdef KINDLING_DOUBLE
std::unique_ptr<nn::Sequential> model_of(const Json& row) {
  std::vector<Index> widths;
  for (const double width : row["widths"].numbers()) widths.push_back(static_cast<Index>(width));
  return nn::resnet(
      row["model"].text == "pooled" ? nn::conv_bn(1, 4, 5, 1) : nn::make<nn::ResBlock>(1, 4),
      widths, {.pooled = row["pooled"].number != 0});
}

IntArray labels_of(const Json& labels) {
  IntArray result(Shape{static_cast<Index>(labels.items.size())});
  for (std::size_t i = 0; i < labels.items.size(); ++i)
    result.data()[i] = static_cast<std::int32_t>(labels.items[i].number);
  return result;
}

#endif

Index parameters_in(nn::Module& model) {
  Index count = 0;
  for (const Tensor& parameter : model.parameters()) count += parameter.size();
  return count;
}

}  // namespace

#ifdef KINDLING_DOUBLE
TEST_CASE("100 steps of small residual networks agree with PyTorch in every loss") {
  for (const Json& row : reference_cases("training", "layers.json")) {
    const auto model = model_of(row);
    auto parameters = model->named_parameters();
    REQUIRE(parameters.size() == row["names"].items.size());
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      CHECK(parameters[i].first == row["names"].items[i].text);
      parameters[i].second.set_value(to_array(from_torch(row["initial"].items[i].plain())));
    }
    nn::AdamW opt(model->parameters(), row["lr"].number);
    std::vector<Tensor> images;
    for (const Json& image : row["images"].items)
      images.emplace_back(to_array(nhwc(image.plain())));
    for (std::size_t step = 0; step < 100; ++step) {
      CAPTURE(step);
      const Tensor loss =
          cross_entropy((*model)(images[step % 2]), labels_of(row["labels"].items[step % 2]));
      CHECK(std::abs(loss.item() - row["losses"].items[step].number) <= 1e-9);
      loss.backward();
      opt.step();
      opt.zero_grad();
    }
    model->eval();
    CHECK(difference((*model)(images[0]).value(), row["scores"].plain(), 1e-7) == "");
  }
}

TEST_CASE("a residual block is PyTorch's, whatever its widths, stride and kernel") {
  for (const Json& row : reference_cases("res_block", "layers.json")) {
    const auto setting = [&](const char* name) { return static_cast<Index>(row[name].number); };
    CAPTURE(setting("in"));
    CAPTURE(setting("stride"));
    nn::ResBlock block(setting("in"), setting("out"), setting("stride"), setting("kernel"));
    auto parameters = block.named_parameters();
    REQUIRE(parameters.size() == row["names"].items.size());
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      CHECK(parameters[i].first == row["names"].items[i].text);
      parameters[i].second.set_value(to_array(from_torch(row["parameters"].items[i].plain())));
    }
    const Tensor x(to_array(nhwc(row["input"].plain())), true), y = block(x);
    CHECK(difference(y.value(), nhwc(row["output"].plain()), 1e-12) == "");
    y.backward(to_array(nhwc(row["doutput"].plain())));
    CHECK(difference(x.grad(), nhwc(row["dinput"].plain()), 1e-11) == "");
    for (std::size_t i = 0; i < parameters.size(); ++i)
      CHECK(difference(parameters[i].second.grad(), from_torch(row["dparameters"].items[i].plain()),
                       1e-11) == "");
    block.eval();
    CHECK(difference(block(x).value(), nhwc(row["evaluated"].plain()), 1e-12) == "");
  }
}

TEST_CASE("the gradients of a residual block are those of its forward") {
  set_seed(4);
  nn::ResBlock same(3, 3), wider(2, 3, 2);
  CHECK(gradcheck_module("resblock", same, Random(1).uniform({2, 3, 3, 3}, -1, 1)) == "");
  CHECK(gradcheck_module("resblock of stride 2", wider, Random(2).uniform({2, 5, 3, 2}, -1, 1)) ==
        "");
}
#endif

TEST_CASE("the lesson's residual networks have as many weights as the course counts") {
  // 13: 1.23 million; 14 with global pooling: 1.22 million. 12 has a 3 x 3 kernel first.
  CHECK(parameters_in(*nn::conv_bn_net()) == 30394);
  CHECK(parameters_in(*nn::small_resnet()) == 1228908);
  CHECK(parameters_in(*nn::pooled_resnet()) == 1224948);
  CHECK(parameters_in(*nn::wide_resnet()) == 4907588);
}

TEST_CASE("stages: weights by counting, layers in their order, ten scores") {
  // A convolution with its bias, and the scale and shift of the norm behind it.
  const auto conv = [](Index kernel, Index in, Index out) {
    return kernel * kernel * in * out + 3 * out;
  };
  const NoGrad no_grad;
  const Tensor x(Random(1).uniform({2, 28, 28, 1}));
  const std::vector<Index> w{4, 6, 10, 12};
  for (const auto halving : {nn::Halving::stride, nn::Halving::max_pool}) {
    const Index kernel = halving == nn::Halving::stride ? 3 : 7;
    const auto model = nn::stages(w, {.halving = halving, .kernel = kernel, .classes = 7});
    Index count = conv(kernel, 1, w[0]) + w[3] * 7 + 2 * 7;
    for (std::size_t i = 1; i < 4; ++i) count += conv(3, w[i - 1], w[i]);
    CHECK(parameters_in(*model) == count);
    CHECK((*model)(x).shape() == Shape{2, 7});
    std::string types;
    for (const auto& [path, module] : model->children()) types += module->type()[0];
    CHECK(types == (halving == nn::Halving::max_pool ? "SMSMSMSGLB" : "SSSSGLB"));
  }
  CHECK(parameters_in(*nn::stages({16, 32, 64, 128})) == 99188);
  CHECK_THROWS_AS(nn::stages({}), Error);
}

TEST_CASE("residual stages: the first at full size, weights by counting, layers in their order") {
  const auto conv = [](Index in, Index out) { return 9 * in * out + 3 * out; };
  const NoGrad no_grad;
  const auto model = nn::residual_stages({4, 6, 10}, {1, 0, 2}, 7);
  CHECK(parameters_in(*model) ==
        conv(1, 4) + conv(4, 6) + conv(6, 10) + 2 * conv(4, 4) + 4 * conv(10, 10) + 10 * 7 + 2 * 7);
  Tensor x(Random(1).uniform({2, 13, 28, 1}));
  std::string types, sizes;
  for (const auto& [path, module] : model->children()) {
    x = (*module)(x);
    types += module->type()[0];
    if (x.shape().rank() == 4) sizes += str(x.shape()[1], "x", x.shape()[2], " ");
  }
  CHECK(types == "SRSMSMRRGLB");
  CHECK(sizes == "13x28 13x28 13x28 7x14 7x14 4x7 4x7 4x7 ");
  CHECK(x.shape() == Shape{2, 7});
  CHECK_THROWS_AS(nn::residual_stages({}, {}), Error);
  CHECK_THROWS_AS(nn::residual_stages({4, 6}, {1}), Error);
  CHECK_THROWS_AS(nn::residual_stages({4}, {-1}), Error);
}

TEST_CASE("the lesson's networks take 28 x 28 images to 10 scores") {
  const NoGrad no_grad;
  const Tensor x(Random(1).uniform({2, 28, 28, 1}));
  for (const auto& model : {nn::conv_net(), nn::conv_bn_net(), nn::small_resnet(),
                            nn::pooled_resnet(), nn::wide_resnet()})
    CHECK((*model)(x).shape() == Shape{2, 10});
}

TEST_CASE("networks draw their weights from the first layer to the last, with any compiler") {
  const auto first_draw = [](Shape weight, Scalar bound) {
    set_seed(7);
    return default_random().uniform(weight, -bound, bound);
  };
  // PyTorch's initialization: uniform within 1 / sqrt(fan in).
  const Array conv3 = first_draw({3, 3, 1, 8}, Scalar(1 / std::sqrt(9.0)));
  const Array conv5 = first_draw({5, 5, 1, 8}, Scalar(1 / std::sqrt(25.0)));
  const Array linear = first_draw({784, 50}, Scalar(1 / std::sqrt(784.0)));
  const auto first_weight = [](const auto& make) {
    set_seed(7);
    return make()->parameters()[0].value();
  };
  CHECK(difference(first_weight([] { return nn::conv_net(); }), to_plain(conv5), 1e-6) == "");
  CHECK(difference(first_weight(nn::conv_bn_net), to_plain(conv3), 1e-6) == "");
  CHECK(difference(first_weight(nn::small_resnet), to_plain(conv3), 1e-6) == "");
  CHECK(difference(first_weight([] { return nn::mlp(784, 50, 10); }), to_plain(linear), 1e-6) ==
        "");
}

TEST_CASE("dropout stands behind the first block and before the head, and only where asked for") {
  const auto types = [](nn::Module& model) {
    std::vector<std::string> list;
    for (const auto& [path, module] : model.children()) list.push_back(module->type());
    return list;
  };
  using Types = std::vector<std::string>;
  CHECK(types(*nn::pooled_resnet(0.1)) == Types{"Sequential", "Dropout2d", "ResBlock", "ResBlock",
                                                "ResBlock", "ResBlock", "GlobalAvgPool", "Dropout",
                                                "Linear", "BatchNorm1d"});
  CHECK(types(*nn::pooled_resnet()) == Types{"Sequential", "ResBlock", "ResBlock", "ResBlock",
                                             "ResBlock", "GlobalAvgPool", "Linear", "BatchNorm1d"});
}

TEST_CASE("a network with layer norm sees each image alone") {
  set_seed(1);
  const auto model = nn::conv_net(nn::Activation::general_relu, nn::Norm::layer);
  const NoGrad no_grad;
  const Tensor x(Random(1).uniform({3, 28, 28, 1}));
  CHECK(difference((*model)(slice(x, 0, 1, 2)).value(),
                   to_plain(slice((*model)(x), 0, 1, 2).value()), 1e-5) == "");
  CHECK(parameters_in(*model) == parameters_in(*nn::conv_net()) + 2 * (8 + 16 + 32 + 64));
}

TEST_CASE("a residual block registers PyTorch's names, and widens only where it must") {
  nn::ResBlock wider(2, 3, 2), same(3, 3);
  CHECK(contains(str(paths(wider.named_parameters()).back()), "idconv.0.bias"));
  CHECK(paths(wider.children()) == std::vector<std::string>{"convs", "idconv", "pool", "act"});
  CHECK(same.parameters().size() == 8);
  CHECK(wider.parameters().size() == 10);
  CHECK(wider(Tensor(Random(1).uniform({2, 7, 5, 2}))).shape() == Shape{2, 4, 3, 3});
  CHECK_THROWS_AS(nn::resnet(nn::make<nn::ReLU>(), {}), Error);
  for (const Index even : {2, 4, 0})
    CHECK(begins(message_of<ShapeError>([&] { nn::ResBlock(3, 3, 1, even); }),
                 str("[res_block] kernel ", even, ": an odd one expected")));
}
