#include "nn/module.h"

#include <doctest/doctest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

#include "engine/engine.h"
#include "nn/layers.h"
#include "nn/models.h"
#include "tests/support/errors.h"
#include "tests/support/nn_support.h"
#include "tests/support/plain.h"

using namespace kindling;
using namespace kindling::test;
using Names = std::vector<std::string>;

namespace {

/// Two inputs, and a child that is used twice.
struct Siamese : nn::Module {
  nn::Linear& tower = child<nn::Linear>("tower", 3, 2);
  Tensor forward_all(std::span<const Tensor> xs) override {
    check<Error>(xs.size() == 2, "siamese", "two inputs expected, got ", xs.size());
    return tower(xs[0]) - tower(xs[1]);
  }
  Tensor forward(const Tensor& x) override { return x; }
  std::string type() const override { return "Siamese"; }
};

/// A block as in a residual net: parameters, a buffer and children, registered in mixed order.
struct Block : nn::Module {
  Tensor scale = parameter("scale", Array(Shape{2}, Scalar{1}));
  nn::Linear& inner = child<nn::Linear>("inner", 2, 2);
  Tensor mean = buffer("running_mean", Array(Shape{2}, Scalar{0}));
  Tensor shift = parameter("shift", Array(Shape{2}, Scalar{0}));
  Tensor forward(const Tensor& x) override { return inner(x) * scale + shift - mean; }
  std::string type() const override { return "Block"; }
};

Tensor zeros(const Shape& shape) { return Tensor(Array(shape, Scalar{0})); }

}  // namespace

TEST_CASE("parameters, buffers and modules go by PyTorch's state_dict paths") {
  nn::Sequential model(nn::make<nn::Sequential>(nn::make<nn::Linear>(4, 2), nn::make<nn::ReLU>()),
                       nn::make<Block>(), nn::make<nn::Linear>(2, 3, false));
  CHECK(paths(model.named_parameters()) == Names{"0.0.weight", "0.0.bias", "1.scale", "1.shift",
                                                 "1.inner.weight", "1.inner.bias", "2.weight"});
  CHECK(paths(model.named_buffers()) == Names{"1.running_mean"});
  CHECK(paths(model.named_modules()) == Names{"", "0", "0.0", "0.1", "1", "1.inner", "2"});
  CHECK(paths(model.children()) == Names{"0", "1", "2"});
  CHECK(model.children()[1].second == &model[1]);
  CHECK(model.named_modules()[0].second == &model);
}

TEST_CASE("a module lists the very tensors it computes with") {
  Block block;
  const auto named = block.named_parameters();
  REQUIRE(named.size() == 4);
  CHECK(named[0].second.node() == block.scale.node());
  CHECK(named[2].second.node() == block.inner.weight.node());
  block.parameters()[1].set_value(Array(Shape{2}, {3, 4}));
  CHECK(block.shift.value()[1] == 4);
  for (const Tensor& parameter : block.parameters()) CHECK(parameter.requires_grad());
  block.named_buffers()[0].second.set_value(Array(Shape{2}, {5, 6}));
  CHECK(block.mean.value()[0] == 5);
  CHECK_FALSE(block.mean.requires_grad());
}

TEST_CASE("a name must be there, have no dot and be free") {
  Probe module;
  const Array value(Shape{1}, Scalar{0});
  module.parameter("weight", value);
  module.buffer("mean", value);
  module.child<Probe>("block");
  for (const std::string name : {"", ".", "a.b", "weight", "mean", "block"}) {
    const std::string expected =
        "[module] '" + name + "': a name of its own without a dot expected";
    CHECK(message_of<Error>([&] { module.parameter(name, value); }) == expected);
    CHECK(message_of<Error>([&] { module.buffer(name, value); }) == expected);
    CHECK(message_of<Error>([&] { module.child<Probe>(name); }) == expected);
  }
  CHECK(paths(module.named_parameters()) == Names{"weight"});
  CHECK(paths(module.named_buffers()) == Names{"mean"});
  CHECK(paths(module.children()) == Names{"block"});
  // Another module may use the name again.
  CHECK_NOTHROW(dynamic_cast<Probe&>(*module.children()[0].second).parameter("weight", value));
  CHECK(paths(module.named_parameters()) == Names{"weight", "block.weight"});
}

TEST_CASE("a null child is refused and leaves nothing behind") {
  Probe module;
  CHECK(message_of<Error>([&] { module.add_child("head", nullptr); }) ==
        "[module] child 'head' is null");
  CHECK(module.children().empty());
  CHECK_NOTHROW(module.child<Probe>("head"));
}

TEST_CASE("train and eval reach the whole tree and change nothing but the mode") {
  const auto model = nn::conv_net();
  const auto before = model->parameters();
  std::vector<Array> values;
  for (const Tensor& parameter : before) values.push_back(parameter.value());
  Tensor first = before[0];
  first.set_grad(Array(first.shape(), Scalar{2}));

  for (const auto& [path, module] : model->named_modules()) CHECK(module->training());
  model->eval();
  for (const auto& [path, module] : model->named_modules()) CHECK_FALSE(module->training());
  (*model)[0].train();
  CHECK((*model)[0].training());
  CHECK(model->named_modules()[2].second->training());  // 0.0, below it
  CHECK_FALSE((*model)[1].training());
  CHECK_FALSE(model->training());
  model->train(true);
  for (const auto& [path, module] : model->named_modules()) CHECK(module->training());

  const auto after = model->parameters();
  REQUIRE(after.size() == values.size());
  for (std::size_t i = 0; i < after.size(); ++i) {
    CHECK(after[i].node() == before[i].node());
    CHECK(after[i].requires_grad());
    CHECK(same_bits(after[i].value(), values[i]));
  }
  CHECK(first.grad()[0] == 2);
  CHECK(grad_enabled());
}

TEST_CASE("apply visits children before their parent, each module once") {
  nn::Sequential model(nn::make<nn::Sequential>(nn::make<nn::Linear>(1, 1), nn::make<nn::ReLU>()),
                       nn::make<nn::Flatten>());
  Names visited;
  model.apply([&](nn::Module& module) { visited.push_back(module.type()); });
  CHECK(visited == Names{"Linear", "ReLU", "Sequential", "Flatten", "Sequential"});
}

TEST_CASE("zero_grad clears the gradient of every parameter below") {
  const auto model = nn::mlp(4, 3, 2);
  sum((*model)(zeros({2, 4}))).backward();
  for (const Tensor& parameter : model->parameters()) REQUIRE(parameter.grad().defined());
  model->zero_grad();
  for (const Tensor& parameter : model->parameters()) CHECK_FALSE(parameter.grad().defined());
}

TEST_CASE("to_string draws the tree, a module a line") {
  CHECK(nn::Linear(784, 50).to_string() == "Linear(784, 50)");
  CHECK(nn::Linear(784, 50, false).to_string() == "Linear(784, 50, no bias)");
  CHECK(nn::Conv2d(3, 8, {1, 3}, {2, 1}, {0, 1}, false).to_string() ==
        "Conv2d(3, 8, kernel 1x3, stride 2x1, padding 0x1, no bias)");
  CHECK(nn::Sequential().to_string() == "Sequential()");
  CHECK(Siamese().to_string() == "Siamese(\n  (tower): Linear(3, 2)\n)");
  CHECK(nn::conv_net()->to_string() ==
        R"(Sequential(
  (0): Sequential(
    (0): Conv2d(1, 8, kernel 5x5, stride 2x2, padding 2x2)
    (1): ReLU()
  )
  (1): Sequential(
    (0): Conv2d(8, 16, kernel 3x3, stride 2x2, padding 1x1)
    (1): ReLU()
  )
  (2): Sequential(
    (0): Conv2d(16, 32, kernel 3x3, stride 2x2, padding 1x1)
    (1): ReLU()
  )
  (3): Sequential(
    (0): Conv2d(32, 64, kernel 3x3, stride 2x2, padding 1x1)
    (1): ReLU()
  )
  (4): Sequential(
    (0): Conv2d(64, 10, kernel 3x3, stride 2x2, padding 1x1)
  )
  (5): Flatten()
))");
}

TEST_CASE("an error says which layer of the model it left") {
  const auto fails = [](nn::Module& model, const Shape& x) {
    return message_of<ShapeError>([&] { model(zeros(x)); });
  };
  const auto net = nn::conv_net();
  CHECK(fails(*net, {8, 28, 28, 3}) ==
        "0.0: [conv2d] x (8,28,28,3): weight (5,5,1,8) expects 1 channel");
  CHECK(fails(*net, {8, 784}) == "0.0: [conv2d] x (8,784): images (N,H,W,C) expected");
  CHECK(fails((*net)[3], {8, 4, 4, 16}) ==
        "3.0: [conv2d] x (8,4,4,16): weight (3,3,32,64) expects 32 channels");
  CHECK(fails(*net, {8, 0, 0, 1}) ==
        "0.0: [conv2d] x (8,0,0,1) with padding 2x2 is smaller than the kernel of weight "
        "(5,5,1,8)");
  const auto dense = nn::mlp(784, 50, 10);
  CHECK(fails(*dense, {8, 28, 27, 1}) ==
        "1: [linear] x (8,756): weight (784,50) expects 784 features");
  CHECK(fails(*dense, {784}) == "0: [flatten] x (784): at least two axes expected");
}

TEST_CASE("every type of layer names itself in its errors, below the path to it") {
  const auto fails = [](std::unique_ptr<nn::Module> layer, const Tensor& x) {
    nn::Sequential model(nn::make<nn::Sequential>(std::move(layer)));
    return message_of<Error>([&] { model(x); });
  };
  CHECK(fails(nn::make<nn::Conv2d>(1, 2, 3), zeros({1, 2, 2, 1})) ==
        "0.0: [conv2d] x (1,2,2,1) with padding 0x0 is smaller than the kernel of weight "
        "(3,3,1,2)");
  CHECK(fails(nn::make<nn::Linear>(3, 2), zeros({5, 4})) ==
        "0.0: [linear] x (5,4): weight (3,2) expects 3 features");
  CHECK(fails(nn::make<nn::Flatten>(), zeros({})) ==
        "0.0: [flatten] x (): at least two axes expected");
  CHECK(fails(nn::make<nn::ReLU>(), Tensor()).starts_with("0.0: ["));
  CHECK(fails(nn::make<Siamese>(), zeros({3})) == "0.0: [siamese] two inputs expected, got 1");
  CHECK(fails(nn::make<nn::Sequential>(nn::make<nn::Linear>(3, 2)), zeros({5, 4})) ==
        "0.0.0: [linear] x (5,4): weight (3,2) expects 3 features");
}

TEST_CASE("the path begins with the name of the module that was called; a root has none") {
  nn::Sequential model(nn::make<nn::Sequential>(nn::make<nn::Linear>(3, 2)));
  const auto fails = [](nn::Module& module) {
    return message_of<ShapeError>([&] { module(zeros({5, 4})); });
  };
  nn::Linear alone(3, 2);
  CHECK(fails(alone) == "[linear] x (5,4): weight (3,2) expects 3 features");
  CHECK(fails(model) == "0.0: [linear] x (5,4): weight (3,2) expects 3 features");
  CHECK(fails(model[0]) == "0.0: [linear] x (5,4): weight (3,2) expects 3 features");
  CHECK(fails(dynamic_cast<nn::Sequential&>(model[0])[0]) ==
        "0: [linear] x (5,4): weight (3,2) expects 3 features");
}

TEST_CASE("an error keeps its type on the way out, and what is no Error is left alone") {
  const auto thrown = [](auto error) {
    nn::Sequential model(nn::make<Probe>([=](const Tensor&) -> Tensor { throw error; }));
    return message_of<decltype(error)>([&] { model(Tensor(1)); });
  };
  CHECK(thrown(ShapeError("[op] shapes")) == "0: [op] shapes");
  CHECK(thrown(Error("[op] other")) == "0: [op] other");
  CHECK(thrown(std::runtime_error("[op] foreign")) == "[op] foreign");
}

TEST_CASE("a model of several inputs overrides forward_all") {
  Siamese model;
  const Tensor a(Array({1, 3}, {1, 2, 3})), b(Array({1, 3}, {4, 4, 4}));
  const Tensor y = model({a, b}), expected = model.tower(a) - model.tower(b);
  CHECK(same_bits(y.value(), expected.value()));
  sum(y).backward();
  CHECK(model.tower.weight.grad()[0] == doctest::Approx(-3));  // x by the first feature: 1 - 4
  CHECK(model.tower.bias.grad()[0] == 0);
  CHECK(message_of<Error>([&] { model(a); }) == "[siamese] two inputs expected, got 1");
}

TEST_CASE("a module of one input refuses none and several") {
  nn::Linear layer(3, 2);
  CHECK(message_of<Error>([&] { layer(std::vector<Tensor>{}); }) ==
        "[module] Linear: at least one input expected");
  CHECK(message_of<Error>([&] {
          layer({zeros({1, 3}), zeros({1, 3})});
        }) == "[module] Linear: one input expected, got 2");
  CHECK(layer({zeros({1, 3})}).shape() == Shape{1, 2});
}

static_assert(!std::is_copy_constructible_v<nn::Linear> && !std::is_move_constructible_v<Probe>);
