#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <tuple>
#include <utility>
#include <vector>

#include "engine/engine.h"
#include "engine/kernels/elementwise.h"
#include "engine/kernels/simd.h"
#include "tests/engine/oracles.h"
#include "tests/support/errors.h"
#include "tests/support/plain.h"

// The corners of the number line, and broadcasting beyond what the op table tries.

namespace kindling::test {

namespace {

constexpr Scalar kNaN = std::numeric_limits<Scalar>::quiet_NaN();
constexpr Scalar kInf = std::numeric_limits<Scalar>::infinity();

/// f at x, wherever in a vector register x stands: all 19 results must be the one, but for
/// rounding.
template <class F>
Scalar at(const F& f, Scalar x) {
  const Array y = f(Tensor(Array({19}, x))).value();
  for (Index i = 0; i < 19; ++i)
    if (!(std::abs(y[i] - y[0]) <= 1e-37 + 1e-6 * std::abs(y[0])) && y[i] != y[0] &&
        !(std::isnan(y[i]) && std::isnan(y[0])))
      FAIL("element ", i, " is ", y[i], ", element 0 is ", y[0]);
  return y[0];
}

template <class F>
Scalar slope(const F& f, Scalar x) {
  const Tensor t(Array({19}, x), true);
  sum(f(t)).backward();
  return t.grad()[3];
}

}  // namespace

TEST_CASE("a NaN stays a NaN") {
  for (const auto& f : std::vector<Tensor (*)(const Tensor&)>{
           neg, exp, log, sqrt, relu, tanh, sigmoid, silu, gelu,
           [](const Tensor& x) { return pow(x, 2.5); }, [](const Tensor& x) { return pow(x, 2); },
           [](const Tensor& x) { return leaky_relu(x); },
           [](const Tensor& x) { return clamp(x, -1, 1); }})
    CHECK(std::isnan(at(f, kNaN)));
  CHECK(std::isnan(at(log, -1)));
  CHECK(std::isnan(at(sqrt, -1)));
}

TEST_CASE("functions reach their limits and do not overflow on the way") {
  CHECK_EQ(at(exp, 1e4), kInf);
  CHECK_EQ(at(exp, kInf), kInf);
  CHECK_LT(at(exp, -1e4), 1e-37);
  CHECK_GE(at(exp, -1e4), 0);
  CHECK_EQ(at(log, 0), -kInf);
  CHECK_EQ(at(log, kInf), kInf);
  CHECK_EQ(at(sqrt, kInf), kInf);
  CHECK_EQ(at(tanh, 1e4), 1);
  CHECK_EQ(at(tanh, -kInf), -1);
  CHECK_EQ(at(sigmoid, 1e4), 1);
  CHECK_EQ(at(sigmoid, -kInf), 0);
  CHECK_LT(at(sigmoid, -1e4), 1e-37);
  CHECK_EQ(at(relu, -kInf), 0);
  CHECK_EQ(at(relu, kInf), kInf);
  CHECK_EQ(at([](const Tensor& x) { return clamp(x, -1, 1); }, kInf), 1);
  CHECK_EQ(at([](const Tensor& x) { return pow(x, 0); }, 0), 1);
  CHECK_EQ(at([](const Tensor& x) { return x / 0; }, -3), -kInf);
}

TEST_CASE("tanh and sigmoid are flat, not broken, far out") {
  for (const Scalar x : {Scalar{-1e4}, Scalar{1e4}, kInf, -kInf}) {
    CHECK_EQ(slope(tanh, x), 0);
    CHECK_LT(std::abs(slope(sigmoid, x)), 1e-37);
  }
}

TEST_CASE("far out silu and gelu are 0 on the left, and x on the right") {
  for (const auto& f : {silu, gelu}) {
    CHECK_EQ(at(f, 1e4), 1e4);
    CHECK_EQ(slope(f, 1e4), 1);
    CHECK_LT(std::abs(at(f, -1e4)), 1e-30);
    CHECK_LT(std::abs(slope(f, -1e4)), 1e-30);
  }
}

TEST_CASE("gradients on the kinks are what the headers say") {
  CHECK_EQ(slope(relu, 0), 0);
  CHECK_EQ(slope([](const Tensor& x) { return leaky_relu(x, 0.25); }, 0), 0.25);
  CHECK_EQ(slope([](const Tensor& x) { return leaky_relu(x, 0.25); }, kInf), 1);
  CHECK_EQ(slope([](const Tensor& x) { return general_relu(x, 0.25, 0.5); }, kInf), 1);
  CHECK_EQ(slope([](const Tensor& x) { return general_relu(x, 0.25, 0.5, 6); }, kInf), 0);
  const auto clamped = [](const Tensor& x) { return clamp(x, -1, 1); };
  CHECK_EQ(slope(clamped, 1), 1);
  CHECK_EQ(slope(clamped, -1), 1);
  CHECK_EQ(slope(clamped, Scalar{1.5}), 0);
  CHECK_EQ(slope([](const Tensor& x) { return pow(x, 0); }, 0), 0);
  CHECK_EQ(slope([](const Tensor& x) { return pow(x, 1); }, 0), 1);
  CHECK_EQ(slope([](const Tensor& x) { return pow(x, 2); }, 0), 0);
}

TEST_CASE("pow takes negative numbers to whole powers") {
  CHECK_EQ(at([](const Tensor& x) { return pow(x, 2); }, -3), 9);
  CHECK_EQ(at([](const Tensor& x) { return pow(x, 3); }, -2), -8);
  CHECK_EQ(slope([](const Tensor& x) { return pow(x, 3); }, -2), 12);
  CHECK(std::isnan(at([](const Tensor& x) { return pow(x, 0.5); }, -2)));
}

TEST_CASE("clamp needs a range") {
  const Tensor x(Array({2}, {1, 2}));
  CHECK(begins(message_of([&] { clamp(x, 2, 1); }), "[clamp] (2)"));
  CHECK(begins(message_of([&] { clamp(x, kNaN, 1); }), "[clamp] (2)"));
}

TEST_CASE("a number stands for a tensor on either side") {
  const Tensor x(Array({2}, {4, 8}), true);
  const Tensor y = 16 / x - 2 * x + 1;
  CHECK_EQ(difference(y.value(), Plain{{2}, {-3, -13}}, 0), "");
  y.backward(Array({2}, Scalar{1}));
  CHECK_EQ(difference(x.grad(), Plain{{2}, {-3, -2.25}}, 0), "");
}

TEST_CASE("every pair of broadcast patterns over four axes agrees with the oracle") {
  const std::vector<Index> extents{2, 3, 1, 5};
  const auto pattern = [&](unsigned ones, std::size_t rank) {
    std::vector<Index> dims;
    for (std::size_t axis = 4 - rank; axis < 4; ++axis)
      dims.push_back(ones >> axis & 1 ? 1 : extents[axis]);
    return Shape(std::span<const Index>(dims));
  };
  Random random(7);
  for (unsigned a = 0; a < 16; ++a)
    for (unsigned b = 0; b < 16; ++b) {
      const Array x = draw_integers(pattern(a, 1 + a % 4), 9, random);
      const Array y = draw_integers(pattern(b, 1 + b / 4), 9, random);
      const auto minus = [](double u, double v) { return u - v; };
      CHECK_EQ(difference((Tensor(x) - Tensor(y)).value(),
                          broadcast_oracle(minus, to_plain(x), to_plain(y)), 0),
               "");
    }
}

TEST_CASE("broadcasting works across the chunks threads take") {
  Random random(8);
  const auto plus = [](double u, double v) { return u + v; };
  for (const auto& [a, b] : std::vector<std::pair<Shape, Shape>>{{{7, 5003}, {5003}},
                                                                 {{7, 5003}, {7, 1}},
                                                                 {{3, 1, 4001}, {5, 1}},
                                                                 {{20011, 1}, {3}},
                                                                 {{}, {40009}}}) {
    const Array x = draw_integers(a, 99, random), y = draw_integers(b, 99, random);
    const Plain want = broadcast_oracle(plus, to_plain(x), to_plain(y));
    CHECK_EQ(difference((Tensor(x) + Tensor(y)).value(), want, 0), "");
    CHECK_EQ(difference((Tensor(y) + Tensor(x)).value(), want, 0), "");
  }
}

TEST_CASE("a result larger than any cache has the bits of a small one, to its last number") {
  constexpr Index kRows = (Index{32} << 20) / Index{sizeof(Scalar)} / 24 / 2 * 2 + 7;
  Random random(9);
  const Array x = random.normal({kRows, 24}), bias = random.normal(Shape{24});
  const Array ones(Shape{24}, 1), var = random.uniform(Shape{24}, 1, 2);
  const std::vector<std::pair<const char*, std::function<Tensor(const Array&)>>> ops = {
      {"add", [](const Array& a) { return Tensor(a) + Tensor(a); }},
      {"add bias", [&](const Array& a) { return Tensor(a) + Tensor(bias); }},
      {"exp", [](const Array& a) { return exp(Tensor(a)); }},
      {"sqrt", [](const Array& a) { return sqrt(relu(Tensor(a))); }},
      {"pow", [](const Array& a) { return pow(Tensor(a), 3); }},
      {"relu", [](const Array& a) { return relu(Tensor(a)); }},
      {"general_relu", [](const Array& a) { return general_relu(Tensor(a), 0.1, 0.4, 2); }},
      {"batch_norm_eval",
       [&](const Array& a) {
         return batch_norm_eval(Tensor(a), Tensor(ones), Tensor(bias), {bias, var});
       }},
  };
  for (const auto& row : ops) {
    const auto& op = row.second;
    CAPTURE(std::string(row.first));
    const Array y = op(x).value();
    // Parts begin where a register does, and end there or with the whole.
    for (const auto& [first, last] : std::vector<std::pair<Index, Index>>{
             {0, 100}, {kRows / 4 * 2, kRows / 4 * 2 + 100}, {kRows - 101, kRows}}) {
      const Array rows = x.rows(first, last), part(rows.shape(), rows.values());
      CHECK(same_bits(op(part).value(), y.rows(first, last)));
    }
  }
}

TEST_CASE("nothing broadcast with something is nothing") {
  const Tensor none(Array(Shape{0, 3}), true), row(Array({3}, Scalar{1}), true);
  const Tensor y = none + row;
  CHECK_EQ(y.shape(), Shape{0, 3});
  y.backward(Array(Shape{0, 3}));
  CHECK_EQ(none.grad().shape(), Shape{0, 3});
  for (Scalar g : row.grad().values()) CHECK_EQ(g, 0);
}

TEST_CASE("kernels::map takes what broadcasts to the shape that is asked for, and nothing else") {
  const auto plus = [](const auto& a, const auto& b) { return a + b; };
  const Array x(Shape{2, 3}, 1), row(Shape{3}, 2), turned(Shape{3, 2}, 2);
  CHECK(kernels::map(x.shape(), plus, x, row)[5] == 3);
  CHECK(kernels::map(Shape{4, 2, 3}, plus, x, row).shape() == Shape{4, 2, 3});
  CHECK(message_of<ShapeError>([&] { kernels::map(x.shape(), plus, x, turned); }) ==
        "[map] (3,2) does not broadcast to (2,3)");
  CHECK_THROWS_AS(kernels::map(Shape{2, 4}, plus, row, row), ShapeError);
  CHECK_THROWS_AS(kernels::map(row.shape(), plus, row, x), ShapeError);
  CHECK_THROWS_AS(kernels::map_over(Array(row), plus, x), ShapeError);
  for (const auto& [from, to, fits] :
       {std::tuple(Shape{1, 3}, Shape{2, 3}, true), std::tuple(Shape{}, Shape{2}, true),
        std::tuple(Shape{1, 3}, Shape{3}, false), std::tuple(Shape{1}, Shape{0}, true)})
    CHECK(broadcasts_to(from, to) == fits);
}

TEST_CASE(
    "the functions that formulas are written in do the same to a number and to a run of them") {
  std::vector<Scalar> xs;  // whole registers
  while (std::ssize(xs) < 2 * simd::kLanes<Scalar>)
    for (const double x : {0.125, 0.5, 1.0, 1.75, 2.5, 3.0, 0.875, 4.0})
      xs.push_back(static_cast<Scalar>(x));
  const math::ConstRun run(xs.data(), std::ssize(xs));
  const double tolerance = 8 * double{std::numeric_limits<Scalar>::epsilon()};
  const auto check_same = [&](const char* name, const auto& f) {
    CAPTURE(name);
    const Eigen::Array<Scalar, Eigen::Dynamic, 1> all = f(run);
    for (std::size_t i = 0; i < xs.size(); ++i) {
      CAPTURE(xs[i]);
      const double one = f(xs[i]), other = all[static_cast<Index>(i)];
      CHECK(std::abs(one - other) <= tolerance * (1 + std::abs(one)));
    }
  };
  check_same("exp", [](const auto& x) { return math::exp(x); });
  check_same("log", [](const auto& x) { return math::log(x); });
  check_same("sqrt", [](const auto& x) { return math::sqrt(x); });
  check_same("tanh", [](const auto& x) { return math::tanh(x); });
  check_same("erf", [](const auto& x) { return math::erf(x); });
  check_same("pow", [](const auto& x) { return math::pow(x, Scalar{2.5}); });
  check_same("max", [](const auto& x) { return math::max(x, Scalar{1}); });
  check_same("min", [](const auto& x) { return math::min(x, Scalar{1}); });
  check_same("where", [](const auto& x) { return math::where(x > 1, x, Scalar{7}); });
  for (const bool first : {true, false}) {
    const Scalar a = first ? kNaN : 1, b = first ? 1 : kNaN;
    CHECK(std::isnan(math::max(a, b)));
    CHECK(std::isnan(math::min(a, b)));
  }
}

}  // namespace kindling::test
