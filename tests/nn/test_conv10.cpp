#include <doctest/doctest.h>

/// The engine against PyTorch: 59 steps of the lesson's network on Fashion-MNIST from the
/// same weights, on the same batches, in double. tests/fixtures/README.md says what PyTorch did.
#ifdef KINDLING_DOUBLE

#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "data/data_loader.h"
#include "data/fashion_mnist.h"
#include "engine/engine.h"
#include "nn/models.h"
#include "nn/optim.h"
#include "tests/support/nn_fixtures.h"
#include "tests/support/plain.h"

using namespace kindling;
using namespace kindling::test;

namespace {

constexpr Index kBatch = 1024;
constexpr std::size_t kSteps = 59, kParameters = 30282;
#ifdef KINDLING_SANITIZE
constexpr std::size_t kRun = 6;  // sanitizers are slow, and every step walks the same code
#else
constexpr std::size_t kRun = kSteps;
#endif

/// In PyTorch's layout, in the order of its state_dict.
const std::vector<Shape> kShapes{{8, 1, 5, 5},   {8},  {16, 8, 3, 3},  {16}, {32, 16, 3, 3}, {32},
                                 {64, 32, 3, 3}, {64}, {10, 64, 3, 3}, {10}};

/// The file in its parts: doubles, least significant byte first.
struct Reference {
  std::vector<double> losses;
  std::vector<Plain> initial, final;  ///< In our layout.
};

std::vector<Plain> parameters_from(const double* at) {
  std::vector<Plain> result;
  for (const Shape& shape : kShapes) {
    result.push_back(from_torch(Plain{shape, {at, at + shape.size()}}));
    at += shape.size();
  }
  return result;
}

Reference read_reference() {
  const std::string bytes = read_fixture("conv10.bin");
  std::vector<double> doubles(kSteps + 2 * kParameters);
  REQUIRE(bytes.size() == doubles.size() * sizeof(double));
  std::memcpy(doubles.data(), bytes.data(), bytes.size());
  return {{doubles.begin(), doubles.begin() + kSteps},
          parameters_from(doubles.data() + kSteps),
          parameters_from(doubles.data() + kSteps + kParameters)};
}

/// Nothing where the data set is missing; the test has then failed and said why.
std::optional<FashionMnist> data_set() {
  try {
    return load_fashion_mnist();
  } catch (const Error& error) {
    FAIL_CHECK("this test needs Fashion-MNIST: ", std::string(error.what()));
    return std::nullopt;
  }
}

double largest_difference(const Array& got, const Plain& want) {
  REQUIRE(got.shape() == want.shape);
  double largest = 0;
  for (Index i = 0; i < got.size(); ++i)
    if (!(std::abs(got[i] - want[i]) <= largest)) largest = std::abs(got[i] - want[i]);
  return largest;
}

}  // namespace

TEST_CASE("59 steps of conv10 agree with PyTorch in every loss and every final weight") {
  const Reference reference = read_reference();
  const auto data = data_set();
  if (!data) return;

  const auto model = nn::conv_net();
  std::vector<Tensor> parameters = model->parameters();
  REQUIRE(parameters.size() == reference.initial.size());
  for (std::size_t i = 0; i < parameters.size(); ++i)
    parameters[i].set_value(to_array(reference.initial[i]));

  nn::SGD sgd(parameters, 0.2);
  std::vector<double> losses;
  for (const Batch& batch : DataLoader(data->train, kBatch)) {
    if (losses.size() == kRun) break;
    const Tensor loss = cross_entropy((*model)(batch.xs[0]), batch.labels());
    losses.push_back(loss.item());
    loss.backward();
    sgd.step();
    sgd.zero_grad();
  }

  REQUIRE(losses.size() == kRun);
  double worst_loss = 0, worst_weight = 0;
  for (std::size_t i = 0; i < losses.size(); ++i) {
    CAPTURE(i);
    CHECK(std::abs(losses[i] - reference.losses[i]) <= 1e-9);
    worst_loss = std::max(worst_loss, std::abs(losses[i] - reference.losses[i]));
  }
  if (kRun < kSteps) return;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    CAPTURE(i);
    const double difference = largest_difference(parameters[i].value(), reference.final[i]);
    CHECK(difference <= 1e-8);
    worst_weight = std::max(worst_weight, difference);
  }
  INFO("largest differences: ", worst_loss, " in a loss, ", worst_weight, " in a final weight");
  CHECK(losses.back() < losses.front() - 0.5);  // so there was something to learn
}

#endif
