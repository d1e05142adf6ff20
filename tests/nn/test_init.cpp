#include "nn/init.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "engine/error.h"
#include "nn/layers.h"
#include "nn/models.h"
#include "nn/norm.h"
#include "tests/support/errors.h"
#include "tests/support/nn_fixtures.h"
#include "tests/support/nn_support.h"
#include "tests/support/plain.h"

using namespace kindling;
using namespace kindling::test;

namespace {

constexpr double kRelative = sizeof(Scalar) == 8 ? 1e-14 : 1e-6;

double largest(const Array& x) {
  double result = 0;
  for (const Scalar value : x.values()) result = std::max(result, std::abs(double{value}));
  return result;
}

double mean(const Array& x) {
  double total = 0;
  for (const Scalar value : x.values()) total += value;
  return total / static_cast<double>(x.size());
}

/// About zero, for that is where all of these are centred.
double deviation(const Array& x) {
  double total = 0;
  for (const Scalar value : x.values()) total += double{value} * value;
  return std::sqrt(total / static_cast<double>(x.size()));
}

/// All values lie within the bound and fill it: n uniform numbers leave 20 / n of it free about
/// once in exp(20) times.
void check_uniform(const Array& x, double bound) {
  CAPTURE(x.shape());
  const double n = static_cast<double>(x.size());
  CHECK(largest(x) <= bound * (1 + kRelative));
  CHECK(largest(x) >= bound * (1 - 20 / n));
  CHECK(std::abs(mean(x)) <= 5 * bound / std::sqrt(3 * n));
  CHECK(deviation(x) == doctest::Approx(bound / std::sqrt(3)).epsilon(5 / std::sqrt(n)));
}

}  // namespace

TEST_CASE("Xavier lies between what activations want and what gradients want") {
  const Shape dense{300, 500}, filter{3, 3, 30, 60};
  for (const auto& [shape, in, out] : {std::tuple{dense, 300.0, 500.0}, {filter, 270.0, 540.0}})
    for (const Scalar gain : {1.0, 1.5}) {
      const double std = double{gain} * std::sqrt(2 / (in + out));
      check_uniform(nn::xavier_uniform(shape, gain), std * std::sqrt(3));
      const Array normal = nn::xavier_normal(shape, gain);
      const double n = static_cast<double>(normal.size());
      CHECK(deviation(normal) == doctest::Approx(std).epsilon(5 / std::sqrt(2 * n)));
      CHECK(std::abs(mean(normal)) <= 5 * std / std::sqrt(n));
      CHECK(largest(normal) > 3.5 * std);  // normal, not uniform
    }
}

TEST_CASE("fan counts the inputs of an output and the outputs of an input") {
  CHECK(nn::fan({784, 50}).in == 784);
  CHECK(nn::fan({784, 50}).out == 50);
  CHECK(nn::fan({5, 3, 2, 7}).in == 5 * 3 * 2);
  CHECK(nn::fan({5, 3, 2, 7}).out == 5 * 3 * 7);
  CHECK(nn::fan({3, 0}).in == 0);
  CHECK(nn::fan({0, 3}).out == 0);
  CHECK(message_of<ShapeError>([] { nn::fan({5}); }) == "[fan] (5): at least two axes expected");
  CHECK_THROWS_AS(nn::fan({}), ShapeError);
}

TEST_CASE("fan, gain, bound and deviation are PyTorch's") {
  for (const Json& row : reference_cases("kaiming")) {
    const Shape weight = from_torch(row["weight_shape"].shape());
    CAPTURE(weight);
    CHECK(nn::fan(weight).in == row["fan_in"].number);
    CHECK(nn::fan(weight).out == row["fan_out"].number);
    if (row["mode"].text != "fan_in") continue;
    const Scalar leak = static_cast<Scalar>(row["leak"].number);
    CHECK(nn::leaky_relu_gain(leak) == doctest::Approx(row["gain"].number).epsilon(kRelative));

    // Drawn with the same numbers, the results differ from unit ones by exactly this factor.
    const double bound = row["uniform_bound"].number, std = row["normal_std"].number;
    Random random(3), unit(3);
    const Array uniform = nn::kaiming_uniform(weight, leak, random),
                u = unit.uniform(weight, -1, 1);
    const Array normal = nn::kaiming_normal(weight, leak, random), n = unit.normal(weight);
    for (Index i = 0; i < weight.size(); i += 1 + weight.size() / 50) {
      CHECK(std::abs(uniform[i] - bound * u[i]) <= 4 * kRelative * bound);
      CHECK(std::abs(normal[i] - std * n[i]) <= 4 * kRelative * std * (1 + std::abs(n[i])));
    }
  }
}

TEST_CASE("Kaiming initialization has the deviation sqrt(2 / ((1 + leak^2) fan in))") {
  for (const Shape& weight : {Shape{400, 300}, Shape{3, 3, 64, 128}})
    for (const double leak : {0.0, 0.1, 1.0}) {
      Random random(7);
      const double std = std::sqrt(2 / ((1 + leak * leak) * double(nn::fan(weight).in)));
      const Array normal = nn::kaiming_normal(weight, static_cast<Scalar>(leak), random);
      const double n = static_cast<double>(weight.size());
      CHECK(deviation(normal) == doctest::Approx(std).epsilon(4 / std::sqrt(n)));
      CHECK(std::abs(mean(normal)) <= 4 * std / std::sqrt(n));
      CHECK(largest(normal) > 3.5 * std);
      CHECK(largest(normal) < 6.5 * std);
      check_uniform(nn::kaiming_uniform(weight, static_cast<Scalar>(leak), random),
                    std * std::sqrt(3));
    }
}

TEST_CASE("a new layer starts within PyTorch's bounds and fills them") {
  for (const Json& row : reference_cases("default_init")) {
    const Shape weight = from_torch(row["weight_shape"].shape());
    set_seed(5);
    check_uniform(nn::default_weight(weight), row["weight_bound"].number);
    // A bias has few values: many of them together fill the bound.
    Array biases(Shape{200, weight[-1]});
    for (Index i = 0; i < 200; ++i) {
      const Array bias = nn::default_bias(weight);
      REQUIRE(bias.shape() == Shape{weight[-1]});
      std::copy_n(bias.values().data(), bias.size(), biases.data() + i * bias.size());
    }
    check_uniform(biases, row["bias_bound"].number);
  }
}

TEST_CASE("Linear and Conv2d draw their weight, then their bias, from the default stream") {
  set_seed(9);
  const nn::Linear linear(784, 50);
  const nn::Conv2d conv(3, 8, {5, 3});
  const nn::Linear plain(4, 4, false);
  set_seed(9);
  CHECK(same_bits(linear.weight.value(), nn::default_weight({784, 50})));
  CHECK(same_bits(linear.bias.value(), nn::default_bias({784, 50})));
  CHECK(same_bits(conv.weight.value(), nn::default_weight({5, 3, 3, 8})));
  CHECK(same_bits(conv.bias.value(), nn::default_bias({5, 3, 3, 8})));
  CHECK(same_bits(plain.weight.value(), nn::default_weight({4, 4})));
}

TEST_CASE("kaiming_init draws every convolution and dense layer for its leak, and nothing else") {
  nn::Sequential model(nn::make<nn::Conv2d>(3, 4, 3), nn::make<nn::BatchNorm2d>(4),
                       nn::make<nn::Flatten>(),
                       nn::make<nn::Sequential>(nn::make<nn::Linear>(36, 5)));
  std::vector<std::pair<std::string, Array>> before;
  for (const auto& [path, parameter] : model.named_parameters())
    before.emplace_back(path, parameter.value());
  set_seed(9);
  nn::kaiming_init(model, Scalar(0.2));
  set_seed(9);
  const Array conv = nn::kaiming_normal({3, 3, 3, 4}, Scalar(0.2));
  const Array linear = nn::kaiming_normal({36, 5}, Scalar(0.2));
  const auto after = model.named_parameters();
  REQUIRE(after.size() == before.size());
  for (std::size_t i = 0; i < after.size(); ++i) {
    CAPTURE(after[i].first);
    const Array& expected = after[i].first == "0.weight"     ? conv
                            : after[i].first == "3.0.weight" ? linear
                                                             : before[i].second;
    CHECK(same_bits(after[i].second.value(), expected));
  }
}

TEST_CASE("the same seed gives a model the same bits, whatever the number of threads") {
  const ThreadsGuard guard;
  const auto weights = [](std::uint64_t seed, int threads) {
    set_threads(threads);
    set_seed(seed);
    std::vector<Array> result;
    for (const Tensor& parameter : nn::conv_net()->parameters())
      result.push_back(parameter.value());
    result.push_back(nn::Linear(784, 300).weight.value());
    result.push_back(nn::kaiming_normal({784, 300}));
    result.push_back(nn::kaiming_uniform({784, 300}, Scalar(0.1)));
    return result;
  };
  const auto one = weights(1, 1), other = weights(2, 1);
  for (const int threads : {1, 2, 3, 8}) {
    const auto again = weights(1, threads);
    REQUIRE(again.size() == one.size());
    for (std::size_t i = 0; i < one.size(); ++i) CHECK(same_bits(again[i], one[i]));
  }
  for (std::size_t i = 0; i < one.size(); ++i) CHECK_FALSE(same_bits(other[i], one[i]));
}

TEST_CASE("initialization draws from the stream it is given and no other") {
  set_seed(1);
  const Random::State before = default_random().state();
  Random mine(4);
  const Array a = nn::kaiming_normal({8, 8}, 0, mine), b = nn::kaiming_normal({8, 8}, 0, mine);
  CHECK(default_random().state() == before);
  CHECK_FALSE(same_bits(a, b));
  Random again(4);
  CHECK(same_bits(a, nn::kaiming_normal({8, 8}, 0, again)));
}
