#include "nn/muon.h"

#include <doctest/doctest.h>

#include <Eigen/SVD>
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "engine/engine.h"
#include "tests/support/errors.h"
#include "tests/support/nn_fixtures.h"
#include "tests/support/plain.h"

using namespace kindling;
using namespace kindling::test;

namespace {

constexpr double kTolerance = sizeof(Scalar) == 8 ? 1e-10 : 2e-3;

using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

Matrix matrix_of(const Plain& plain, Index rows) {
  return Eigen::Map<const Matrix>(plain.values.data(), rows,
                                  static_cast<Index>(plain.values.size()) / rows);
}

Plain plain_of(const Matrix& matrix, const Shape& shape) {
  return {shape, {matrix.data(), matrix.data() + matrix.size()}};
}

/// What the iteration must come to, seen from the other side: singular vectors stay, and each
/// singular value, as a share of the root of the sum of their squares, goes through the polynomial.
Matrix by_singular_values(const Matrix& x, int iterations) {
  const Eigen::JacobiSVD<Matrix> svd(x, Eigen::ComputeThinU | Eigen::ComputeThinV);
  Eigen::VectorXd s = svd.singularValues() / svd.singularValues().norm();
  for (double& value : s)
    for (int i = 0; i < iterations; ++i)
      value = 3.4445 * value - 4.7750 * std::pow(value, 3) + 2.0315 * std::pow(value, 5);
  return svd.matrixU() * s.asDiagonal() * svd.matrixV().transpose();
}

}  // namespace

TEST_CASE("orthogonalize: singular vectors stay, singular values go to about 1") {
  for (const Shape& shape : {Shape{5, 3}, Shape{3, 5}, Shape{6, 6}, Shape{1, 4}, Shape{40, 7}}) {
    CAPTURE(shape);
    const Index rows = shape[0], cols = shape[1];
    const Array x = Random(1).normal(shape);
    for (const int iterations : {1, 5}) {
      const Matrix want = by_singular_values(matrix_of(to_plain(x), rows), iterations);
      CHECK(difference(nn::orthogonalize(x, iterations), plain_of(want, x.shape()), kTolerance) ==
            "");
    }
    if (rows == cols) continue;  // whose smallest singular value may be tiny
    const Matrix after = matrix_of(to_plain(nn::orthogonalize(x)), rows);
    const Eigen::VectorXd values = after.jacobiSvd().singularValues();
    for (const double s : values) {
      CHECK(s > 0.6);
      CHECK(s < 1.25);
    }
  }
  for (const Scalar scale : {Scalar(1e-25), Scalar(1e25)}) {
    const Array x = Random(1).normal({4, 3}), scaled = (Tensor(x) * scale).value();
    CHECK(difference(nn::orthogonalize(scaled), to_plain(nn::orthogonalize(x)), 1e-4) == "");
  }
  const Scalar least = std::numeric_limits<Scalar>::denorm_min();
  const Array tiny = nn::orthogonalize(Array(Shape{2, 2}, least));
  for (const Scalar v : tiny.values()) CHECK(std::isfinite(v));
  CHECK_THROWS_AS(nn::orthogonalize(Array(Shape{3}, 1)), ShapeError);
  CHECK_THROWS_AS(nn::orthogonalize(Array(Shape{3, 3}, 1), 0), Error);
  const Array zeros(Shape{2, 3}, 0);
  CHECK(same_bits(nn::orthogonalize(zeros), zeros));
}

TEST_CASE("Muon follows its recurrence, and trains vectors as AdamW would") {
  for (const bool nesterov : {false, true})
    for (const double decay : {0.0, 0.1}) {
      CAPTURE(nesterov);
      CAPTURE(decay);
      Random random(3);
      // A convolution's weights, 12 inputs for each of 15 outputs; a dense layer's; a bias.
      const Shape shapes[] = {{2, 2, 3, 15}, {6, 2}};
      Tensor conv(random.normal(shapes[0]), true), dense(random.normal(shapes[1]), true);
      Tensor bias(random.normal({4}), true), other(bias.value(), true);
      nn::Muon muon(
          {conv, dense, bias}, 0.1,
          {.momentum = 0.8, .nesterov = nesterov, .weight_decay = decay, .vector_lr = 0.5});
      nn::AdamW adam({other}, 0.05,
                     {.beta1 = 0.9, .beta2 = 0.95, .eps = 1e-10, .weight_decay = decay});
      std::vector<Matrix> weights, velocities;
      for (const Tensor& w : {conv, dense}) {
        weights.push_back(matrix_of(to_plain(w.value()), w.size() / w.dim(w.rank() - 1)));
        velocities.push_back(Matrix::Zero(weights.back().rows(), weights.back().cols()));
      }
      for (int step = 0; step < 3; ++step) {
        const Array push = random.normal({4});
        bias.set_grad(push);
        other.set_grad(push);
        for (std::size_t i = 0; i < 2; ++i) {
          Tensor& w = i == 0 ? conv : dense;
          w.set_grad(random.normal(w.shape()));
          const Matrix g = matrix_of(to_plain(w.grad()), weights[i].rows());
          velocities[i] = 0.8 * velocities[i] + g;
          const Matrix u =
              by_singular_values(nesterov ? Matrix(g + 0.8 * velocities[i]) : velocities[i], 5);
          const double longer = std::sqrt(std::max<double>(
              1, static_cast<double>(weights[i].cols()) / static_cast<double>(weights[i].rows())));
          weights[i] = (1 - 0.1 * decay) * weights[i] - 0.1 * longer * u;
        }
        muon.step();
        adam.step();
        CHECK(difference(conv.value(), plain_of(weights[0], shapes[0]), kTolerance) == "");
        CHECK(difference(dense.value(), plain_of(weights[1], shapes[1]), kTolerance) == "");
        CHECK(difference(bias.value(), to_plain(other.value()), 1e-6) == "");
      }
    }
}

TEST_CASE("Muon is its authors': forty steps") {
  const double tolerance = sizeof(Scalar) == 8 ? 1e-9 : 2e-3;
  const auto cases = reference_cases("muon", "muon.json");
  REQUIRE(cases.size() == 2);
  for (const Json& row : cases) {
    const double momentum = row["momentum"].number;
    CAPTURE(momentum);
    std::vector<Tensor> parameters;
    for (const Json& p : row["initial"].items)
      parameters.emplace_back(to_array(from_torch(p.plain())), true);
    nn::Muon muon(parameters, row["lr"].number,
                  {.momentum = momentum,
                   .nesterov = row["nesterov"].number != 0,
                   .weight_decay = row["weight_decay"].number,
                   .vector_lr = row["vector_lr"].number});
    const auto& gradients = row["gradients"].items;
    const auto every = static_cast<std::size_t>(row["every"].number);
    std::size_t step = 0;
    for (const Json& after : row["after"].items) {
      for (const std::size_t stop = step + every; step < stop; ++step) {
        for (std::size_t i = 0; i < parameters.size(); ++i)
          parameters[i].set_grad(
              to_array(from_torch(gradients[step % gradients.size()].items[i].plain())));
        muon.step();
      }
      for (std::size_t i = 0; i < parameters.size(); ++i) {
        CAPTURE(parameters[i].shape());
        CHECK(difference(parameters[i].value(), from_torch(after.items[i].plain()), tolerance) ==
              "");
      }
    }
    CHECK(step == 40);
  }
}

TEST_CASE("Muon: a vector in a group of its own rate, without decay, is trained as by AdamW") {
  Random random(5);
  const Array begin = random.normal({4});
  Tensor weight(random.normal({3, 4}), true), bias(begin, true), other(begin, true);
  nn::Muon muon(std::vector<nn::ParameterGroup>{{{weight}}, {{bias}, 0.25, false}}, 0.4,
                {.weight_decay = 0.1, .vector_lr = 0.5});
  nn::AdamW adam({other}, 0.4 * 0.25 * 0.5,
                 {.beta1 = 0.9, .beta2 = 0.95, .eps = 1e-10, .weight_decay = 0});
  for (int step = 0; step < 3; ++step) {
    weight.set_grad(random.normal({3, 4}));
    const Array push = random.normal({4});
    bias.set_grad(push);
    other.set_grad(push);
    muon.step();
    adam.step();
    CHECK(difference(bias.value(), to_plain(other.value()), 1e-6) == "");
  }
  CHECK_FALSE(same_bits(bias.value(), begin));
}

TEST_CASE("Muon: a step leaves gradients as they were, and those without one are left") {
  Tensor a(Array(Shape{2, 2}, {1, 2, 3, 4}), true), b(Array(Shape{2, 2}, {1, 2, 3, 4}), true);
  nn::Muon muon({a, b}, 0.5);
  const Array gradient(Shape{2, 2}, {1, 0, 0, 2});
  a.set_grad(gradient);
  for (int step = 0; step < 2; ++step) {
    muon.step();
    CHECK(same_bits(a.grad(), Array(Shape{2, 2}, {1, 0, 0, 2})));
  }
  CHECK(same_bits(gradient, Array(Shape{2, 2}, {1, 0, 0, 2})));
  CHECK_FALSE(same_bits(a.value(), b.value()));
  CHECK(same_bits(b.value(), Array(Shape{2, 2}, {1, 2, 3, 4})));
}

TEST_CASE("Muon: settings that make no sense") {
  constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS_AS(nn::Muon({}, -1), Error);
  CHECK_THROWS_AS(nn::Muon({}, 1, {.momentum = 1}), Error);
  CHECK_THROWS_AS(nn::Muon({}, 1, {.weight_decay = -1}), Error);
  CHECK_THROWS_AS(nn::Muon({}, 1, {.iterations = 0}), Error);
  CHECK_THROWS_AS(nn::Muon({}, 1, {.vector_lr = kNaN}), Error);
  CHECK_THROWS_AS(nn::Muon({}, 1, {.beta2 = 1}), Error);
  CHECK_THROWS_AS(nn::Muon({}).set_momentum(-0.5), Error);
  CHECK(contains(message_of([] { nn::Muon({}, 1, {.momentum = 2}); }), "momentum 2"));
}
