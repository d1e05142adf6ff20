#include "engine/anomaly.h"

#include <doctest/doctest.h>

#include <limits>

#include "engine/engine.h"
#include "nn/layers.h"
#include "nn/models.h"
#include "tests/support/errors.h"
#include "tests/support/plain.h"

// The first op that makes a number which is none is named, and nothing else changes.

namespace kindling::test {

namespace {

constexpr Scalar kInf = std::numeric_limits<Scalar>::infinity();

struct Logarithm : nn::Module {
  Tensor forward(const Tensor& x) override { return log(x); }
  std::string type() const override { return "Logarithm"; }
};

/// y = x, whose gradient is said to be infinite.
Tensor broken(const Tensor& x) {
  static const Op& op = *op_registry().front();  // any op: a test's own would need a table row
  return record(op, x.value(), {x}, [shape = x.shape()](const Array&, Grads& grads) {
    grads.add(0, Array(shape, kInf));
  });
}

struct Broken : nn::Module {
  Tensor forward(const Tensor& x) override { return broken(x) * Tensor(Array::scalar(2)); }
  std::string type() const override { return "Broken"; }
};

}  // namespace

TEST_CASE("anomaly: the forward op is named, with its module and what it was given") {
  nn::Sequential model(nn::make<nn::ReLU>(),
                       nn::make<nn::Sequential>(nn::make<Logarithm>(), nn::make<nn::ReLU>()));
  const Tensor x(Array({2, 2}, {1, 2, -3, 4}), true);
  CHECK(model(x).value()[2] == 0);  // log 0 is hidden by the ReLU behind it
  const DetectAnomaly guard;
  CHECK(message_of([&] { model(x); }) ==
        "1.0: [log] y (2,2) is -inf at element 2; its inputs are finite");
  CHECK(message_of([&] {
          exp(Tensor(Array({2}, {0, kInf})));
        }) == "[exp] y (2) is inf at element 1; input 0 (2) has inf at element 1");
  {
    const NoGrad no_grad;
    CHECK(message_of([&] { model(x); }).starts_with("1.0: [log]"));
  }
}

TEST_CASE("anomaly: the backward op is named, also after the guard is gone") {
  nn::Sequential model(nn::make<nn::ReLU>(), nn::make<Broken>(), nn::make<nn::ReLU>());
  const Tensor x(Array({3}, {1, 2, 3}), true);
  Tensor y;
  {
    const DetectAnomaly guard;
    y = sum(model(x));
  }
  const std::string said = message_of([&] { y.backward(); });
  CHECK(said.starts_with("1: ["));
  CHECK(said.ends_with("backward makes inf at element 0 of dx0 (3), from a dy that is finite"));
  CHECK_FALSE(x.grad().defined());
  sum(model(x)).backward();  // unwatched
  CHECK(x.grad()[0] == kInf);

  // sqrt at 0: finite forward, and a slope that is not.
  const Tensor zero(Array({2}, {4, 0}), true);
  const DetectAnomaly guard;
  CHECK(message_of([&] { sum(sqrt(zero)).backward(); }) ==
        "[sqrt] backward makes inf at element 1 of dx0 (2), from a dy that is finite");
}

TEST_CASE("anomaly: a network without one computes the same bits under a guard") {
  set_seed(5);
  const auto model = nn::conv_bn_net();
  const Tensor x(Random(3).normal({4, 28, 28, 1}));
  const auto gradients = [&] {
    model->zero_grad();
    sum((*model)(x)).backward();
    std::vector<Array> all;
    for (const Tensor& parameter : model->parameters()) all.push_back(parameter.grad());
    return all;
  };
  const auto plain = gradients();
  std::vector<Array> watched;
  {
    const DetectAnomaly guard;
    watched = gradients();
  }
  REQUIRE(plain.size() == watched.size());
  for (std::size_t i = 0; i < plain.size(); ++i) CHECK(same_bits(plain[i], watched[i]));
  CHECK_FALSE(anomaly::detecting());
}

}  // namespace kindling::test
