#include "nn/summary.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "engine/engine.h"
#include "nn/models.h"
#include "nn/norm.h"
#include "tests/support/errors.h"
#include "tests/support/nn_support.h"

using namespace kindling;
using namespace kindling::test;

namespace {

double multiply_adds(nn::Module& model) {
  double sum = 0;
  for (const auto& layer : nn::summarize(model, Tensor(Array(Shape{2, 28, 28, 1}, 0)), 1))
    sum += layer.multiply_adds;
  return sum / 1e6;
}

}  // namespace

TEST_CASE("summarize: layers in the order in which they run, with shapes, parameters and work") {
  set_seed(1);
  nn::Sequential model{nn::make<nn::Conv2d>(2, 3, 3, 2, 1), nn::make<nn::BatchNorm2d>(3),
                       nn::make<nn::Flatten>(), nn::make<nn::Linear>(27, 4, false)};
  const auto layers = nn::summarize(model, Tensor(Random(1).uniform({5, 6, 6, 2})));
  REQUIRE(layers.size() == 4);
  CHECK(layers[0].path == "0");
  CHECK(contains(layers[0].type, "Conv2d(2, 3"));
  CHECK(layers[0].output == Shape{5, 3, 3, 3});
  CHECK(layers[0].parameters == 3 * 3 * 2 * 3 + 3);
  CHECK(layers[0].multiply_adds == 3 * 3 * (3 * 3 * 2 * 3));  // at 9 places
  CHECK(layers[1].multiply_adds == 0);
  CHECK(layers[1].parameters == 6);
  CHECK(layers[2].output == Shape{5, 27});
  CHECK(layers[3].multiply_adds == 27 * 4);
  for (const auto& layer : layers) {
    CHECK(layer.seconds > 0);
    CHECK(layer.seconds < 60);
  }
}

TEST_CASE("summarize: the lesson's networks cost what the course counts, in millions") {
  CHECK(multiply_adds(*nn::conv_net()) == doctest::Approx(0.249).epsilon(0.003));
  CHECK(multiply_adds(*nn::small_resnet()) == doctest::Approx(8.4).epsilon(0.01));
  CHECK(multiply_adds(*nn::pooled_resnet()) == doctest::Approx(24.7).epsilon(0.003));
  CHECK(multiply_adds(*nn::wide_resnet()) == doctest::Approx(36.9).epsilon(0.003));
}

TEST_CASE("summarize: a module that runs twice is there twice, and the model stays as it was") {
  struct Twice : nn::Module {
    nn::Linear& layer = child<nn::Linear>("layer", 3, 3);
    nn::BatchNorm1d& norm = child<nn::BatchNorm1d>("norm", 3);
    Tensor forward(const Tensor& x) override { return layer(norm(layer(x))); }
    std::string type() const override { return "Twice"; }
  } model;
  model.norm.eval();
  const auto layers = nn::summarize(model, Tensor(Random(1).uniform({4, 3})));
  REQUIRE(layers.size() == 3);
  CHECK(layers[0].path == "layer");
  CHECK(layers[1].path == "norm");
  CHECK(layers[2].path == "layer");
  CHECK(layers[0].parameters + layers[1].parameters + layers[2].parameters == 3 * 3 + 3 + 6);
  CHECK(model.training());
  CHECK_FALSE(model.norm.training());
  CHECK(grad_enabled());
  CHECK_THROWS_AS(nn::summarize(model, Tensor(Random(1).uniform({4, 3})), 0), Error);
  CHECK(contains(message_of([&] {
                   nn::summarize(model, Tensor(Random(1).uniform({4, 2})));
                 }),
                 "layer"));
}

TEST_CASE("summary_table: a line a layer, aligned, and the sums") {
  nn::LayerSummary conv{"0.0", "Conv2d(1, 8)", Shape{64, 14, 14, 8}, 1208, 39200, 0.001};
  nn::LayerSummary relu{"0.1", "ReLU()", Shape{64, 14, 14, 8}, 0, 0, 0.0005};
  const std::string table = nn::summary_table({conv, relu});
  std::vector<std::string> lines;
  for (std::size_t from = 0, to; (to = table.find('\n', from)) != std::string::npos; from = to + 1)
    lines.push_back(table.substr(from, to - from));
  REQUIRE(lines.size() == 4);
  for (const std::string& line : lines) CHECK(line.size() == lines[0].size());
  CHECK(contains(lines[1], "1,208"));
  CHECK(contains(lines[1], "0.039"));
  CHECK(contains(lines[1], "1.00"));
  CHECK(contains(lines[3], "1,208"));
  CHECK(contains(lines[3], "1.50"));
}
