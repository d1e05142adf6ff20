#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "engine/engine.h"
#include "engine/kernels/exp.h"
#include "tests/engine/oracles.h"
#include "tests/support/errors.h"
#include "tests/support/plain.h"

namespace kindling::test {

namespace {

constexpr double kClose = sizeof(Scalar) == 8 ? 1e-12 : 1e-5;
constexpr Scalar kNaN = std::numeric_limits<Scalar>::quiet_NaN();

Tensor scores(const Shape& shape, std::initializer_list<Scalar> values) {
  return Tensor(Array(shape, values), true);
}

}  // namespace

TEST_CASE("the exponential is right to two units in the last place") {
  using V = simd::Vec<Scalar, simd::kLanes<Scalar>>;
  const Scalar lowest = sizeof(Scalar) == 8 ? -708 : -87;
  for (int i = 0; i <= 100'000; ++i) {
    const Scalar x = lowest * static_cast<Scalar>(i) / 100'000;
    const long double want = std::exp(static_cast<long double>(x));
    const Scalar near = static_cast<Scalar>(want);
    const V got = simd::exp(simd::splat<V>(x));
    CHECK_LE(std::abs(got[0] - want), 2.0L * (std::nextafter(near, Scalar{2}) - near));
    for (int k = 1; k < simd::kLanes<Scalar>; ++k) CHECK_EQ(got[k], got[0]);
  }
  const auto of = [](Scalar x) { return Scalar{simd::exp(simd::splat<V>(x))[0]}; };
  CHECK_EQ(of(0), 1);
  CHECK_EQ(of(-std::numeric_limits<Scalar>::infinity()), 0);
  CHECK_EQ(of(std::numeric_limits<Scalar>::lowest()), 0);
  CHECK(std::isnan(of(kNaN)));
}

TEST_CASE("any number of classes and rows, also where a row is no whole number of registers") {
  Random random(7);
  for (const Index classes : {1, 2, 3, 7, 8, 9, 10, 15, 16, 17, 31, 32, 33, 48, 100, 1000})
    for (const Index rows : {1, 2, 15, 16, 17, 33, 300}) {
      CAPTURE(classes);
      CAPTURE(rows);
      const Tensor x(random.normal({rows, classes}, 0, 3), true);
      IntArray targets(Shape{rows});
      std::vector<int> labels;
      for (Index i = 0; i < rows; ++i) {
        labels.push_back(static_cast<int>(i * 7 % classes));
        targets.data()[i] = labels.back();
      }
      const Plain scores = to_plain(x.value());
      const Plain log_p = log_softmax_oracle(scores);
      Plain dx = scores;
      for (Index i = 0; i < rows * classes; ++i) {
        const bool hit = i % classes == labels[static_cast<std::size_t>(i / classes)];
        const double q = 0.1 / static_cast<double>(classes) + (hit ? 0.9 : 0);
        dx.values[static_cast<std::size_t>(i)] =
            (std::exp(log_p[i]) - q) / static_cast<double>(rows);
      }
      CHECK_EQ(difference(log_softmax(x).value(), log_p, kClose), "");
      const Tensor loss = cross_entropy(x, targets, Scalar{0.1});
      CHECK_LT(std::abs(loss.item() - cross_entropy_oracle(scores, labels, 0.1)), kClose);
      loss.backward();
      CHECK_EQ(difference(x.grad(), dx, kClose), "");

      // dx = dy - p sum dy, with a dy that may be written over.
      const Tensor z(x.value(), true);
      const Array dy = random.normal({rows, classes});
      for (Index i = 0; i < rows * classes; ++i) {
        double total = 0;
        for (Index j = 0; j < classes; ++j) total += dy[i / classes * classes + j];
        dx.values[static_cast<std::size_t>(i)] = dy[i] - std::exp(log_p[i]) * total;
      }
      log_softmax(z).backward(dy);
      CHECK_EQ(difference(z.grad(), dx, 10 * kClose), "");
    }
}

TEST_CASE("a score of minus infinity has no probability and no gradient") {
  for (const Index classes : {3, 20}) {
    Array values(Shape{2, classes}, Scalar{1});
    values.data()[1] = -std::numeric_limits<Scalar>::infinity();
    const Tensor x(values, true);
    cross_entropy(x, IntArray({2}, {0, 0})).backward();
    CHECK_EQ(x.grad()[1], 0);
    CHECK_LT(x.grad()[0], 0);
  }
}

TEST_CASE("huge scores overflow nowhere") {
  const Tensor x = scores({3, 3}, {1e4, -1e4, 0, -1e4, -1e4, -1e4, 1e4, 1e4, -1e4});
  const Array log_p = log_softmax(x).value();
  const double third = -std::log(3.0), half = -std::log(2.0);
  const Plain want{{3, 3}, {0, -2e4, -1e4, third, third, third, half, half, -2e4 + half}};
  CHECK_EQ(difference(log_p, want, sizeof(Scalar) == 8 ? 1e-12 : 2e-3), "");

  const Tensor loss = cross_entropy(x, IntArray({3}, {1, 0, 1}));
  CHECK_LT(std::abs(loss.item() / ((2e4 - third - half) / 3) - 1), kClose);
  loss.backward();
  const double t = 1.0 / 3;
  const Plain dx{{3, 3}, {t, -t, 0, t * (t - 1), t * t, t * t, t / 2, -t / 2, 0}};
  CHECK_EQ(difference(x.grad(), dx, kClose), "");
}

TEST_CASE("the softmax of any row sums to one") {
  const Array log_p = log_softmax(Tensor(Random(1).normal({50, 37}, 0, 30))).value();
  for (Index i = 0; i < 50; ++i) {
    double total = 0;
    for (Index j = 0; j < 37; ++j) total += std::exp(static_cast<double>(log_p[i * 37 + j]));
    CHECK_LT(std::abs(total - 1), kClose);
  }
}

TEST_CASE("a NaN among the scores makes the loss NaN") {
  CHECK(std::isnan(cross_entropy(scores({2, 2}, {1, 2, kNaN, 0}), IntArray({2}, {0, 1})).item()));
  const Array row = log_softmax(scores({2, 2}, {1, 2, kNaN, 0})).value();
  CHECK(std::isnan(row[2]));
  CHECK(std::isnan(row[3]));
  CHECK_FALSE(std::isnan(row[1]));
}

TEST_CASE("label smoothing mixes the label with all classes") {
  const Tensor x = scores({1, 4}, {1, 2, 3, 4});
  const IntArray target({1}, {2});
  const double plain = cross_entropy(x, target).item();
  const double even = cross_entropy(x, target, 1).item();
  const double mixed = cross_entropy(x, target, Scalar{0.1}).item();
  CHECK_LT(std::abs(mixed - (0.9 * plain + 0.1 * even)), kClose);
  const double oracle = cross_entropy_oracle(to_plain(x.value()), {2}, 0.1);
  CHECK_LT(std::abs(mixed - oracle), kClose);
}

TEST_CASE("the gradient of the cross entropy sums to zero in each row") {
  const Tensor x(Random(2).normal({5, 7}), true);
  cross_entropy(x, IntArray({5}, {0, 6, 3, 3, 1}), Scalar{0.1}).backward();
  const Array rows = sum(Tensor(x.grad()), {1}).value();
  for (const Scalar value : rows.values()) CHECK_LT(std::abs(value), kClose);
}

TEST_CASE("no rows have no mean loss, and no gradient") {
  const Tensor x(Array(Shape{0, 3}), true);
  const Tensor loss = cross_entropy(x, IntArray(Shape{0}));
  CHECK(std::isnan(loss.item()));
  loss.backward();
  CHECK_EQ(x.grad().shape(), Shape{0, 3});
}

TEST_CASE("targets that do not fit are named with both shapes") {
  const Tensor x = scores({2, 3}, {1, 2, 3, 4, 5, 6});
  for (const IntArray& targets :
       {IntArray({3}, {0, 1, 2}), IntArray({2, 1}, {0, 1}), IntArray(Shape{0}), IntArray()}) {
    const std::string message = message_of<ShapeError>([&] { cross_entropy(x, targets); });
    CHECK_MESSAGE((begins(message, "[cross_entropy] ") && contains(message, "(2,3)") &&
                   contains(message, targets.shape().to_string())),
                  message);
  }
}

TEST_CASE("a target that is no class is an error that shows it") {
  const Tensor x = scores({2, 3}, {1, 2, 3, 4, 5, 6});
  for (const int bad : {3, -1, 1000, std::numeric_limits<int>::min()}) {
    const auto message = message_of<ShapeError>([&] { cross_entropy(x, IntArray({2}, {0, bad})); });
    CHECK(begins(message, "[cross_entropy] "));
    CHECK(contains(message, std::to_string(bad)));
  }
}

TEST_CASE("smoothing outside [0, 1] is an error") {
  const Tensor x = scores({1, 2}, {1, 2});
  for (const Scalar bad : {Scalar{-0.1}, Scalar{1.1}, kNaN})
    CHECK(begins(message_of([&] { cross_entropy(x, IntArray({1}, {0}), bad); }),
                 "[cross_entropy] label smoothing"));
}

TEST_CASE("mse_loss does not broadcast: both shapes are named") {
  const std::string message = message_of<ShapeError>([] {
    mse_loss(scores({2, 1}, {1, 2}), scores({2}, {1, 2}));
  });
  CHECK(begins(message, "[mse_loss] "));
  CHECK(contains(message, "(2,1)"));
  CHECK(contains(message, "(2)"));
}

TEST_CASE("mse_loss is the mean squared difference") {
  const Tensor p = scores({2, 2}, {1, 2, 3, 4}), t = scores({2, 2}, {1, 0, 3, 0});
  const Tensor loss = mse_loss(p, t);
  CHECK_EQ(loss.item(), 5);
  loss.backward();
  CHECK_EQ(difference(p.grad(), Plain{{2, 2}, {0, 1, 0, 2}}, 0), "");
  CHECK_EQ(difference(t.grad(), Plain{{2, 2}, {0, -1, 0, -2}}, 0), "");
}

}  // namespace kindling::test
