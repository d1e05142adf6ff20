#include <doctest/doctest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "tests/support/gradcheck.h"
#include "tests/support/plain.h"

// What PyTorch says, in double. tests/fixtures/README.md describes ops.json; its images are
// (N,C,H,W) and its weights (M,C,KH,KW), and are turned into ours here.

namespace kindling::test {

namespace {

using Json = nlohmann::json;

constexpr double kTolerance = sizeof(Scalar) == 8 ? 1e-9 : 2e-4;

const Axes kImageToOurs{0, 2, 3, 1}, kWeightToOurs{2, 3, 1, 0};

const Json& fixture(const std::string& op) {
  static const Json all = [] {
    std::ifstream file(std::string(KINDLING_FIXTURES) + "/ops.json");
    REQUIRE_MESSAGE(file.good(), "ops.json is missing from " KINDLING_FIXTURES);
    return Json::parse(file);
  }();
  const Json& cases = all.at(op);
  REQUIRE_FALSE(cases.empty());
  return cases;
}

/// Moved to another layout by hand: the tests of conv2d do not lean on permute.
Plain array(const Json& json, const Axes& order = {}) {
  const auto dims = json.at("shape").get<std::vector<Index>>();
  const Plain plain{Shape(std::span<const Index>(dims)),
                    json.at("values").get<std::vector<double>>()};
  if (order.empty()) return plain;
  std::vector<Index> ours;
  for (const int axis : order) ours.push_back(plain.shape[axis]);
  return build(Shape(std::span<const Index>(ours)), [&](const Position& p) {
    Position at(p.size());
    for (std::size_t i = 0; i < p.size(); ++i) at[static_cast<std::size_t>(order[i])] = p[i];
    return plain.at(at);
  });
}

struct Input {
  const char* name;
  Axes order = {};
};

/// Runs f on the named inputs of a case and compares the output and all gradients.
void compare(const Json& one, const std::vector<Input>& inputs, const Axes& output_order,
             const TensorFn& f) {
  std::vector<Array> values;
  std::string text;
  for (const Input& input : inputs) {
    values.push_back(to_array(array(one.at(input.name), input.order)));
    text += " " + values.back().shape().to_string();
  }
  for (const auto& [key, value] : one.items())
    if (!value.is_object()) text += " " + key + " " + value.dump();
  INFO(text);
  const Tensors x = leaves(values);
  const Tensor y = f(x);
  CHECK_EQ(difference(y.value(), array(one.at("output"), output_order), kTolerance), "");
  y.backward(to_array(array(one.at("doutput"), output_order)));
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const std::string gradient = std::string("d") + inputs[i].name;
    CHECK_EQ(difference(x[i].grad(), array(one.at(gradient), inputs[i].order), kTolerance), "");
  }
}

}  // namespace

TEST_CASE("conv2d is PyTorch's") {
  for (const Json& one : fixture("conv2d")) {
    std::vector<Input> inputs{{"input", kImageToOurs}, {"weight", kWeightToOurs}};
    if (one.contains("bias")) inputs.push_back({"bias"});
    compare(one, inputs, kImageToOurs, [&](const Tensors& x) {
      return conv2d(x[0], x[1], x.size() > 2 ? x[2] : Tensor(), one.at("stride").get<Index>(),
                    one.at("padding").get<Index>());
    });
  }
}

TEST_CASE("max_pool2d and avg_pool2d are PyTorch's") {
  for (const std::string op : {"max_pool2d", "avg_pool2d"})
    for (const Json& one : fixture(op)) {
      const auto number = [&](const char* key) { return Pair(one.at(key).get<Index>()); };
      compare(one, {{"input", kImageToOurs}}, kImageToOurs, [&](const Tensors& x) {
        const bool ceil_mode = one.at("ceil_mode");
        if (op == "max_pool2d")
          return max_pool2d(x[0], number("kernel"), number("stride"), number("padding"), ceil_mode);
        return avg_pool2d(x[0], number("kernel"), number("stride"), number("padding"), ceil_mode,
                          one.at("count_include_pad"));
      });
    }
}

TEST_CASE("log_softmax is PyTorch's") {
  for (const Json& one : fixture("log_softmax"))
    compare(one, {{"input"}}, {}, [&](const Tensors& x) {
      const int axis = one.at("axis");
      return transpose(log_softmax(transpose(x[0], axis, -1)), axis, -1);
    });
}

TEST_CASE("cross_entropy is PyTorch's") {
  for (const Json& one : fixture("cross_entropy"))
    compare(one, {{"input"}}, {}, [&](const Tensors& x) {
      const auto targets = one.at("targets").at("values").get<std::vector<std::int32_t>>();
      return cross_entropy(x[0], IntArray({static_cast<Index>(targets.size())}, targets),
                           one.at("label_smoothing").get<Scalar>());
    });
}

TEST_CASE("mse_loss is PyTorch's") {
  for (const Json& one : fixture("mse_loss"))
    compare(one, {{"input"}, {"target"}}, {},
            [](const Tensors& x) { return mse_loss(x[0], x[1]); });
}

TEST_CASE("var and std are PyTorch's") {
  for (const std::string op : {"var", "std"})
    for (const Json& one : fixture(op))
      compare(one, {{"input"}}, {}, [&](const Tensors& x) {
        const auto axes = one.at("axes").get<Axes>();
        const int correction = one.at("correction");
        return op == "var" ? var(x[0], axes, correction) : stddev(x[0], axes, correction);
      });
}

}  // namespace kindling::test
