// Layers against what PyTorch makes of them: values, gradients, and what they refuse.

#include <doctest/doctest.h>

#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "nn/layers.h"
#include "nn/loss.h"
#include "nn/norm.h"
#include "nn/pool.h"
#include "tests/support/errors.h"
#include "tests/support/gradcheck_module.h"
#include "tests/support/nn_fixtures.h"
#include "tests/support/nn_support.h"
#include "tests/support/plain.h"

using namespace kindling;
using namespace kindling::test;

namespace {

constexpr double kReferenceTolerance = sizeof(Scalar) == 8 ? 1e-12 : 2e-5;

std::unique_ptr<nn::Module> layer_of(const Json& row) {
  const std::string name = row["layer"].text;
  if (name == "silu") return nn::make<nn::SiLU>();
  if (name == "gelu") return nn::make<nn::GELU>();
  if (name == "embedding") return nn::make<nn::Embedding>(5, 3);
  if (name == "global_avg_pool") return nn::make<nn::GlobalAvgPool>();
  if (name == "flatten") return nn::make<nn::Flatten>();
  if (name == "linear") {
    const Shape weight = row["parameters"].items[0]["shape"].shape();  // (out, in)
    return nn::make<nn::Linear>(weight[1], weight[0]);
  }
  const double eps = row["eps"].number;
  if (name == "layer_norm") return nn::make<nn::LayerNorm>(5, eps);
  return nn::make<nn::GroupNorm>(static_cast<Index>(row["num_groups"].number), 6, eps);
}

}  // namespace

TEST_CASE("activations, norms, Embedding, Linear and Flatten are PyTorch's: values and gradients") {
  const auto cases = reference_cases("layers", "layers.json");
  CHECK(cases.size() == 13);
  for (const Json& row : cases) {
    const bool linear = row["layer"].text == "linear";  // the only weight that lies otherwise
    const auto ours = [&](const Plain& p) { return linear ? from_torch(p) : p; };
    CAPTURE(row["layer"].text);
    const auto layer = layer_of(row);
    const auto parameters = layer->parameters();
    const auto& given = row["parameters"].items;
    REQUIRE(parameters.size() == given.size());
    for (std::size_t i = 0; i < given.size(); ++i) {
      Tensor parameter = parameters[i];
      parameter.set_value(to_array(ours(given[i].plain())));
    }
    const Tensor x(to_array(nhwc(row["input"].plain())), row.members.contains("dinput"));
    const Tensor y = (*layer)(x);
    CHECK(difference(y.value(), nhwc(row["output"].plain()), kReferenceTolerance) == "");
    y.backward(to_array(nhwc(row["doutput"].plain())));
    if (x.requires_grad())
      CHECK(difference(x.grad(), nhwc(row["dinput"].plain()), kReferenceTolerance) == "");
    for (std::size_t i = 0; i < given.size(); ++i)
      CHECK(difference(parameters[i].grad(), ours(row["dparameters"].items[i].plain()),
                       kReferenceTolerance) == "");
  }
}

TEST_CASE("CrossEntropyLoss hands on how much it smoothes labels") {
  for (const Json& row : reference_cases("cross_entropy")) {
    IntArray targets(Shape{static_cast<Index>(row["targets"]["values"].items.size())});
    for (Index i = 0; i < targets.size(); ++i)
      targets.data()[i] = static_cast<std::int32_t>(
          row["targets"]["values"].items[static_cast<std::size_t>(i)].number);
    const nn::CrossEntropyLoss loss{static_cast<Scalar>(row["label_smoothing"].number)};
    CHECK(loss(Tensor(to_array(row["input"].plain())), targets).item() ==
          doctest::Approx(row["output"].plain().values.at(0))
              .epsilon(sizeof(Scalar) == 8 ? 1e-9 : 1e-5));
  }
}

TEST_CASE("Dropout2d drops whole channels of an image, and leaves the others to make up for it") {
  nn::Dropout2d layer(0.25);
  const Tensor x(Array({400, 3, 3, 50}, 1)), y = layer(x);
  Index kept = 0;
  for (Index n = 0; n < 400; ++n)
    for (Index c = 0; c < 50; ++c) {
      const Scalar first = y.value()[n * 450 + c];
      CHECK_UNARY((first == 0 || first == Scalar(1 / 0.75)));
      kept += first != 0;
      for (Index pixel = 1; pixel < 9; ++pixel)
        CHECK_UNARY((y.value()[n * 450 + pixel * 50 + c] == first));
    }
  // 15,000 of 20,000 are expected, give or take 61; six times that happens once in 10^9.
  CHECK(std::abs(static_cast<double>(kept) - 15000) < 6 * 61);
  layer.eval();
  CHECK(same_bits(layer(x).value(), x.value()));
  for (const double p : {-0.1, 1.0, std::nan("")})
    CHECK(begins(message_of([&] { nn::Dropout2d{p}; }), "[dropout2d] p "));
  CHECK(message_of([&] {
          layer(Tensor(Array({2, 3}, 1)));
        }) == "[dropout2d] x (2,3): images (N,H,W,C) expected");
}

TEST_CASE("GroupNorm and Embedding: what does not fit is refused") {
  CHECK(message_of([] { nn::GroupNorm(4, 6); }) ==
        "[group_norm] 6 channels in 4 groups: equal groups expected");
  CHECK(begins(message_of([] { nn::GroupNorm(0, 6); }), "[group_norm] 6 channels in 0 groups"));
  CHECK(begins(message_of([] { nn::GroupNorm(1, 6, 0); }), "[group_norm] eps 0"));
  nn::GroupNorm norm(3, 6);
  CHECK(message_of([&] {
          norm(Tensor(Array({2, 2, 2, 5}, 1)));
        }) == "[group_norm] x (2,2,2,5): 6 channels expected");
  CHECK(norm(Tensor(Array({0, 2, 2, 6}, 1))).shape() == Shape{0, 2, 2, 6});
  CHECK(norm.to_string() == "GroupNorm(3, 6, eps 1e-05)");

  nn::Embedding embedding(4, 2);
  CHECK(embedding(Tensor(Array({2, 3}, 3))).shape() == Shape{2, 3, 2});
  for (const double bad : {-1.0, 4.0, 0.5, std::nan("")}) {
    const std::string message =
        message_of([&] { embedding(Tensor(Array({1}, static_cast<Scalar>(bad)))); });
    CHECK_MESSAGE(begins(message, "[embedding] thing "), message);
  }
  CHECK(begins(message_of([] { nn::Embedding(0, 2); }), "[embedding] 0 things"));
  // Of more things, float would call neighbours by the same number, and int32 by none.
  const Index most = sizeof(Scalar) == 4 ? Index{1} << 24 : Index{1} << 31;
  CHECK(message_of([&] { nn::Embedding(most + 1, Index{1} << 20); }) ==
        str("[embedding] ", most + 1, " things: at most ", most, " expected"));
}

TEST_CASE("GroupNorm: any axes between the rows and the channels are pixels") {
  Random random(43);
  nn::GroupNorm norm(2, 4);
  norm.weight.set_value(random.uniform({4}, -1, 1));
  const Array x = random.uniform({3, 6, 4}, -1, 1);
  const Array y = norm(Tensor(x)).value();
  CHECK(y.shape() == Shape{3, 6, 4});
  for (const Shape& shape : {Shape{3, 6, 1, 4}, Shape{3, 2, 3, 4}, Shape{3, 1, 2, 3, 4}})
    CHECK(same_bits(norm(Tensor(x.reshape(shape))).value().reshape(y.shape()), y));
}

#ifdef KINDLING_DOUBLE
TEST_CASE("the gradients of GroupNorm are those of its forward") {
  Random random(41);
  nn::GroupNorm norm(2, 4);
  norm.weight.set_value(random.uniform({4}, -1, 1));
  const Array images = random.uniform({2, 3, 2, 4}, -1, 1), rows = random.uniform({3, 4}, -1, 1);
  CHECK(gradcheck_module("group norm of images", norm, images) == "");
  CHECK(gradcheck_module("group norm of rows", norm, rows) == "");
}
#endif
