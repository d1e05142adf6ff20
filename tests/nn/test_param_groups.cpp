#include "nn/muon.h"
#include "nn/param_groups.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "nn/layers.h"
#include "nn/norm.h"
#include "tests/support/errors.h"
#include "tests/support/plain.h"

using namespace kindling;
using namespace kindling::test;

namespace {

constexpr double kTolerance = sizeof(Scalar) == 8 ? 1e-14 : 1e-6;

/// A matrix of one number.
Tensor parameter(Scalar value) { return Tensor(Array(Shape{1, 1}, value), true); }

std::vector<std::unique_ptr<nn::Optimizer>> every_kind(const nn::Parameters& parameters) {
  std::vector<std::unique_ptr<nn::Optimizer>> kinds;
  kinds.push_back(std::make_unique<nn::SGD>(parameters, 0.1, nn::SGDOptions{0.5, 0.25}));
  kinds.push_back(
      std::make_unique<nn::RMSprop>(parameters, 0.1, nn::RMSpropOptions{.weight_decay = 0.25}));
  kinds.push_back(
      std::make_unique<nn::Adam>(parameters, 0.1, nn::AdamOptions{.weight_decay = 0.25}));
  kinds.push_back(
      std::make_unique<nn::AdamW>(parameters, 0.1, nn::AdamOptions{.weight_decay = 0.25}));
  kinds.push_back(
      std::make_unique<nn::Muon>(parameters, 0.1, nn::MuonOptions{.weight_decay = 0.25}));
  return kinds;
}

}  // namespace

TEST_CASE("a group is trained as by an optimizer of its own, with its rate and its decay") {
  for (std::size_t kind = 0; kind < 5; ++kind) {
    CAPTURE(kind);
    Tensor together[] = {parameter(1), parameter(2), parameter(3)};
    Tensor alone[] = {parameter(1), parameter(2), parameter(3)};
    const auto all = every_kind(std::vector<nn::ParameterGroup>{
        {{together[0]}}, {{together[1]}, 0.5}, {{together[2]}, 2, false}});
    const auto first = every_kind({alone[0]}), second = every_kind({alone[1]});
    second[kind]->set_lr(0.05);
    // The third: plain, without decay.
    std::vector<std::unique_ptr<nn::Optimizer>> third;
    third.push_back(std::make_unique<nn::SGD>(nn::Parameters{alone[2]}, 0.2, nn::SGDOptions{0.5}));
    third.push_back(std::make_unique<nn::RMSprop>(nn::Parameters{alone[2]}, 0.2));
    third.push_back(std::make_unique<nn::Adam>(nn::Parameters{alone[2]}, 0.2));
    third.push_back(std::make_unique<nn::AdamW>(nn::Parameters{alone[2]}, 0.2,
                                                nn::AdamOptions{.weight_decay = 0}));
    third.push_back(std::make_unique<nn::Muon>(nn::Parameters{alone[2]}, 0.2));
    for (int step = 0; step < 5; ++step) {
      for (int i = 0; i < 3; ++i)
        for (Tensor* w : {&together[i], &alone[i]})
          w->set_grad(Array(Shape{1, 1}, static_cast<Scalar>(0.5 * step - i)));
      all[kind]->step();
      for (nn::Optimizer* opt : {first[kind].get(), second[kind].get(), third[kind].get()})
        opt->step();
    }
    for (int i = 0; i < 3; ++i)
      CHECK(std::abs(together[i].value()[0] - alone[i].value()[0]) <= kTolerance);
    CHECK(together[0].value()[0] != 1);
  }
}

TEST_CASE("no_decay_on_vectors: weights decay, biases and norms do not") {
  set_seed(1);
  nn::Sequential model(nn::make<nn::Conv2d>(1, 4, 3), nn::make<nn::BatchNorm2d>(4),
                       nn::make<nn::Flatten>(), nn::make<nn::Linear>(4, 2));
  const nn::Parameters parameters = nn::no_decay_on_vectors(model);
  REQUIRE(parameters.groups.size() == 2);
  CHECK(parameters.groups[0].parameters.size() == 2);
  CHECK(parameters.groups[1].parameters.size() == 4);
  nn::SGD sgd(parameters, 0.5, {.weight_decay = 0.5});
  std::vector<Array> before;
  for (Tensor p : model.parameters()) {
    p.set_value((p + Scalar{1}).value());
    before.push_back(p.value());
    p.set_grad(Array(p.shape(), 0));
  }
  sgd.step();
  std::size_t i = 0;
  for (const Tensor& p : model.parameters()) {
    const Scalar shrink = p.rank() > 1 ? 0.75 : 1;
    for (Index k = 0; k < p.size(); ++k)
      CHECK(std::abs(p.value()[k] - shrink * before[i][k]) <= kTolerance);
    ++i;
  }
}

TEST_CASE("discriminative: the nearer to the input, the smaller the rate") {
  nn::Sequential model(nn::make<nn::Linear>(2, 3), nn::make<nn::ReLU>(), nn::make<nn::Linear>(3, 3),
                       nn::make<nn::Linear>(3, 2));
  const nn::Parameters parameters = nn::discriminative(model, 0.5);
  REQUIRE(parameters.groups.size() == 4);
  CHECK(parameters.groups[0].lr_scale == 0.25);
  CHECK(parameters.groups[2].lr_scale == 0.5);
  CHECK(parameters.groups[3].lr_scale == 1);
  for (const double bad : {-1.0, std::numeric_limits<double>::infinity()})
    CHECK(begins(message_of([&] { nn::discriminative(model, bad); }), "[discriminative] factor "));
  nn::Linear alone(2, 3);
  CHECK(begins(message_of([&] { nn::discriminative(alone, 0.5); }),
               "[discriminative] 2 parameters of the model's own"));
  CHECK(begins(message_of([] {
                 nn::SGD(std::vector<nn::ParameterGroup>{{{}, -1}}, 1);
               }),
               "[optimizer] lr_scale -1"));
}

TEST_CASE("discriminative without decay on vectors: every child's rate, and decay of its weights") {
  set_seed(1);
  nn::Sequential model(nn::make<nn::Linear>(2, 3), nn::make<nn::ReLU>(), nn::make<nn::Linear>(3, 3),
                       nn::make<nn::BatchNorm1d>(3));
  constexpr double kRate = 0.5, kDecay = 0.25, kFactor = 0.5;
  nn::SGD sgd(nn::discriminative(model, kFactor, false), kRate, {.weight_decay = kDecay});
  CHECK(sgd.parameters().size() == model.parameters().size());
  std::vector<Array> before;
  for (Tensor p : model.parameters()) {
    before.push_back(p.value());
    p.set_grad(Array(p.shape(), 1));
  }
  sgd.step();
  const auto after = model.named_parameters();
  REQUIRE(after.size() == 6);
  for (std::size_t i = 0; i < after.size(); ++i) {
    const std::string& path = after[i].first;
    const Tensor& p = after[i].second;
    CAPTURE(path);
    const double rate = kRate * (path[0] == '0' ? kFactor * kFactor : path[0] == '2' ? kFactor : 1);
    const double decay = path == "0.weight" || path == "2.weight" ? kDecay : 0;
    for (Index k = 0; k < p.size(); ++k) {
      const double w = before[i][k];
      CHECK(std::abs(p.value()[k] - (w - rate * (1 + decay * w))) <= kTolerance);
    }
  }
}

TEST_CASE("freeze: what is frozen gets no gradient and does not change, until it is let go") {
  set_seed(1);
  nn::Sequential model(nn::make<nn::Linear>(2, 3), nn::make<nn::Linear>(3, 2));
  nn::SGD sgd(model.parameters(), 0.5);
  const auto step = [&] {
    sgd.zero_grad();
    sum(model(Tensor(Array({4, 2}, 1)))).backward();
    sgd.step();
  };
  const auto weights = [&](Index layer) {
    return dynamic_cast<nn::Linear&>(model[layer]).weight.value();
  };
  const Array first = weights(0), second = weights(1);
  nn::freeze(model[0]);
  step();
  CHECK(same_bits(weights(0), first));
  CHECK_FALSE(same_bits(weights(1), second));
  nn::freeze(model[0], false);
  step();
  CHECK_FALSE(same_bits(weights(0), first));
}
