#include "nn/lsuv.h"

#include <doctest/doctest.h>

#include <cmath>
#include <stdexcept>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "nn/hooks.h"
#include "nn/models.h"
#include "nn/norm.h"
#include "tests/support/errors.h"
#include "tests/support/plain.h"

using namespace kindling;
using namespace kindling::test;

namespace {

struct Spread {
  double mean = 0, std = 0;
};

/// Mean and deviation of what comes out of a module, by plain sums.
void spread(Spread& seen, nn::Module&, const Tensor&, const Tensor& y) {
  double sum = 0, square = 0;
  for (const Scalar v : y.value().values()) sum += double{v};
  seen.mean = sum / static_cast<double>(y.size());
  for (const Scalar v : y.value().values())
    square += (double{v} - seen.mean) * (double{v} - seen.mean);
  seen.std = std::sqrt(square / static_cast<double>(y.size()));
}

template <class Layer>
std::vector<nn::Module*> all(nn::Module& model) {
  std::vector<nn::Module*> found;
  for (auto& [path, module] : model.named_modules())
    if (dynamic_cast<Layer*>(module)) found.push_back(module);
  return found;
}

/// The course's network of five convolutions, the last without activation.
nn::Sequential deep(nn::Activation activation) {
  const auto none = nn::Activation::none;
  return nn::Sequential(nn::conv(1, 8, 5, 2, activation), nn::conv(8, 16, 3, 2, activation),
                        nn::conv(16, 32, 3, 2, activation), nn::conv(32, 64, 3, 2, activation),
                        nn::conv(64, 10, 3, 2, none), nn::make<nn::Flatten>());
}

}  // namespace

TEST_CASE("lsuv: every layer's activations have mean 0 and deviation 1, whatever they had") {
  set_seed(1);
  auto model = deep(nn::Activation::general_relu);
  for (Tensor parameter : model.parameters())  // far from any good
    parameter.set_value((parameter * Scalar{3} + Scalar{0.25}).value());
  const Tensor x(Random(2).uniform({64, 28, 28, 1}));
  const auto report = nn::lsuv(model, x);
  REQUIRE(report.size() == 5);
  CHECK(report[0].path == "0.0");
  CHECK(report[4].path == "4.0");
  auto places = all<nn::GeneralRelu>(model);
  places.push_back(all<nn::Conv2d>(model).back());
  nn::Hooks<Spread> hooks(places, spread);
  const NoGrad no_grad;
  model(x);
  for (std::size_t i = 0; i < 5; ++i) {
    CAPTURE(i);
    CHECK(std::abs(hooks[i]->mean) <= 2e-3);
    CHECK(std::abs(hooks[i]->std - 1) <= 2e-3);
    CHECK(report[i].passes > 0);
    CHECK(report[i].mean == doctest::Approx(hooks[i]->mean).epsilon(1e-4));
    CHECK(std::abs(report[i].std_before - 1) > 0.05);
  }
}

TEST_CASE("lsuv: where activations cannot have mean 0, the layer's own outputs do") {
  set_seed(1);
  auto model = deep(nn::Activation::relu);
  const Tensor x(Random(2).uniform({64, 28, 28, 1}));
  nn::lsuv(model, x);
  nn::Hooks<Spread> hooks(all<nn::Conv2d>(model), spread);
  const NoGrad no_grad;
  model(x);
  CHECK(hooks.size() == 5);
  for (auto& hook : hooks) {
    CHECK(std::abs(hook->mean) <= 2e-3);
    CHECK(std::abs(hook->std - 1) <= 2e-3);
  }
}

TEST_CASE("lsuv: a residual network with norms, short cuts and a dense layer inside it") {
  set_seed(3);
  nn::Sequential model(nn::conv_bn(1, 4), nn::make<nn::ResBlock>(4, 6, 2),
                       nn::make<nn::ResBlock>(6, 6), nn::make<nn::Flatten>(),
                       nn::make<nn::Linear>(6 * 4 * 4, 12), nn::make<nn::GeneralRelu>(0.1, 0.4),
                       nn::make<nn::Linear>(12, 5));
  for (Tensor parameter : model.parameters())
    parameter.set_value((parameter * Scalar{1.5} + Scalar{0.1}).value());
  const Tensor x(Random(2).uniform({32, 14, 14, 1}));
  const auto report = nn::lsuv(model, x);
  CHECK(report.size() == 1 + 3 + 2 + 2);  // the first block widens
  // Norms stand between convolutions and activations: these are measured at the layer itself, the
  // dense layer behind its activation.
  auto places = all<nn::Conv2d>(model);
  places.push_back(&model[5]);
  places.push_back(&model[6]);
  nn::Hooks<Spread> hooks(places, spread);
  const NoGrad no_grad;
  model.eval();
  model(x);
  CHECK(hooks.size() == 8);
  for (std::size_t i = 0; i < hooks.size(); ++i) {
    CAPTURE(i);
    CHECK(std::abs(hooks[i]->mean) <= 2e-3);
    CHECK(std::abs(hooks[i]->std - 1) <= 2e-3);
  }
}

TEST_CASE("lsuv: a layer that runs twice is corrected once, by what it makes the first time") {
  struct Twice : nn::Module {
    nn::Linear& layer = child<nn::Linear>("layer", 3, 3);
    std::string type() const override { return "Twice"; }

   protected:
    Tensor forward(const Tensor& x) override { return layer(layer(x)); }
  } model;
  model.layer.weight.set_value(Array({3, 3}, {2, 1, 0, 0, 3, 1, 1, 0, 2}));
  const Tensor x(Random(2).normal({200, 3}, 1));
  const auto report = nn::lsuv(model, x);
  REQUIRE(report.size() == 1);
  CHECK(report[0].path == "layer");
  CHECK(report[0].passes >= 1);
  CHECK(report[0].passes <= 3);
  Spread first;
  spread(first, model, x, model.layer(x));
  CHECK(std::abs(first.mean) <= 2e-3);
  CHECK(std::abs(first.std - 1) <= 2e-3);
}

TEST_CASE("lsuv: an activation that several layers share is measured behind each of them") {
  struct Shared : nn::Module {
    nn::Linear& a = child<nn::Linear>("a", 3, 6);
    nn::Linear& b = child<nn::Linear>("b", 6, 6);
    nn::GeneralRelu& act = child<nn::GeneralRelu>("act", Scalar(0.1), Scalar(0.4));
    Tensor forward(const Tensor& x) override { return act(b(act(a(x)))); }
    std::string type() const override { return "Shared"; }
  };
  for (const bool head : {true, false}) {
    set_seed(4);
    Shared model;
    const Tensor x(Random(2).normal({200, 3}));
    const Array b = model.b.weight.value();
    const std::size_t corrected = head ? 2 : 1;
    CHECK(nn::lsuv(model, x, {.head = head}).size() == corrected);
    CHECK(same_bits(model.b.weight.value(), b) == !head);
    std::vector<Spread> seen;
    const HookHandle hook =
        model.act.register_forward_hook([&](nn::Module& m, const Tensor& in, const Tensor& y) {
          spread(seen.emplace_back(), m, in, y);
        });
    model(x);
    REQUIRE(seen.size() == 2);
    for (std::size_t i = 0; i < corrected; ++i) {
      CHECK(std::abs(seen[i].mean) <= 2e-3);
      CHECK(std::abs(seen[i].std - 1) <= 2e-3);
    }
  }
}

TEST_CASE("lsuv: layers of one's own are passed over, unless a function knows their weights") {
  struct Own : nn::Module {
    Tensor scale = parameter("scale", Random(5).normal({3, 4}, 0, 7));
    Tensor forward(const Tensor& x) override { return matmul(x, scale); }
    std::string type() const override { return "Own"; }
  };
  set_seed(1);
  nn::Sequential model{nn::make<Own>(), nn::make<nn::ReLU>(), nn::make<nn::Linear>(4, 2)};
  const Tensor x(Random(2).normal({100, 3}));
  const auto weight = [&] { return dynamic_cast<Own&>(model[0]).scale.value(); };
  const Array before = weight();
  const auto without = nn::lsuv(model, x);
  REQUIRE(without.size() == 1);
  CHECK(without[0].path == "2");
  CHECK(same_bits(weight(), before));
  nn::LsuvOptions options;
  options.weights = [](nn::Module& module) {
    if (auto* own = dynamic_cast<Own*>(&module)) return nn::Weights{own->scale};
    return nn::weights_of(module);
  };
  const auto with = nn::lsuv(model, x, options);
  REQUIRE(with.size() == 2);
  CHECK(with[0].path == "0");
  Spread first;
  spread(first, model, x, model[0](x));
  CHECK(std::abs(first.std - 1) <= 2e-3);
  options.weights = nullptr;
  CHECK(begins(message_of([&] { nn::lsuv(model, x, options); }), "[lsuv] weights "));
}

TEST_CASE("lsuv: a model that throws has its hooks, modes and tape back") {
  struct Fails : nn::Module {
    nn::Linear& fc = child<nn::Linear>("fc", 3, 2);
    int runs = 0;
    std::string type() const override { return "Fails"; }

   protected:
    Tensor forward(const Tensor& x) override {
      const Tensor y = fc(x);
      if (++runs == 2) throw std::runtime_error("!");
      return y;
    }
  } model;
  const Tensor x(Random(2).uniform({16, 3}));
  CHECK_THROWS_WITH(nn::lsuv(model, x), "!");
  CHECK(model.training());
  CHECK(grad_enabled());
  CHECK(nn::lsuv(model, x).size() == 1);  // a hook that had stayed would be called here
}

TEST_CASE("lsuv: the head is left alone if that is asked for") {
  set_seed(1);
  auto model = deep(nn::Activation::relu);
  const std::vector<Tensor> parameters = model.parameters();
  std::vector<Array> before;
  for (const Tensor& parameter : parameters) before.push_back(parameter.value());
  const auto report = nn::lsuv(model, Tensor(Random(2).uniform({64, 28, 28, 1})), {.head = false});
  CHECK(report.size() == 4);
  for (std::size_t i = 0; i < parameters.size(); ++i)
    CHECK(same_bits(parameters[i].value(), before[i]) == (i >= 8));  // of five layers' two each
}

TEST_CASE("lsuv: a layer without bias keeps its mean, one that says always the same its weights") {
  set_seed(1);
  nn::Sequential model(nn::make<nn::Linear>(3, 4, false), nn::make<nn::ReLU>(),
                       nn::make<nn::Linear>(4, 2));
  const Array zeros(Shape{4, 2}, 0);
  dynamic_cast<nn::Linear&>(model[2]).weight.set_value(zeros);
  dynamic_cast<nn::Linear&>(model[2]).bias.set_value(Array(Shape{2}, 0));
  const auto report = nn::lsuv(model, Tensor(Random(2).uniform({16, 3})));
  REQUIRE(report.size() == 2);
  CHECK(std::abs(report[0].std - 1) <= 1e-3);
  CHECK(report[0].passes == 1);  // dividing by the deviation is exact
  CHECK(report[1].passes == 0);
  CHECK(same_bits(dynamic_cast<nn::Linear&>(model[2]).weight.value(), zeros));
}

TEST_CASE("lsuv: leaves modes, statistics, random numbers and the tape as they were") {
  set_seed(1);
  nn::Sequential model(nn::make<nn::Linear>(3, 4), nn::make<nn::BatchNorm1d>(4),
                       nn::make<nn::Dropout>(0.5), nn::make<nn::Linear>(4, 2));
  model[1].eval();
  const auto buffers = [&] {
    std::vector<Array> values;
    for (const auto& [path, tensor] : model.named_buffers()) values.push_back(tensor.value());
    return values;
  };
  const std::vector<Array> before = buffers();
  const Random::State stream = default_random().state();
  nn::lsuv(model, Tensor(Random(2).uniform({16, 3})));
  CHECK(default_random().state() == stream);
  for (std::size_t i = 0; i < before.size(); ++i) CHECK(same_bits(buffers()[i], before[i]));
  CHECK(model.training());
  CHECK_FALSE(model[1].training());
  CHECK(model[2].training());
  CHECK(grad_enabled());
  for (const Tensor& parameter : model.parameters()) {
    CHECK(parameter.requires_grad());
    CHECK(parameter.is_leaf());
  }
  CHECK(begins(message_of([&] { nn::lsuv(model, Tensor(), {.tolerance = 0}); }), "[lsuv] "));
  CHECK(begins(message_of([&] { nn::lsuv(model, Tensor(), {.most_passes = 0}); }), "[lsuv] "));
}
