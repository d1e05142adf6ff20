#include "tests/engine/op_table.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "engine/engine.h"
#include "tests/engine/op_rows.h"

namespace kindling::test {

namespace {

double total(const std::vector<double>& x) { return std::accumulate(x.begin(), x.end(), 0.0); }
double average(const std::vector<double>& x) { return total(x) / static_cast<double>(x.size()); }
template <int kCorrection>
double variance(const std::vector<double>& x) {
  const double center = average(x);
  double sum = 0;
  for (const double value : x) sum += (value - center) * (value - center);
  return sum / (static_cast<double>(x.size()) - kCorrection);
}
template <int kCorrection>
double deviation(const std::vector<double>& x) {
  return std::sqrt(variance<kCorrection>(x));
}
double largest(const std::vector<double>& x) { return *std::max_element(x.begin(), x.end()); }

/// The table. Rows of one op stand together; op_rows.h has the families.
Rows make_table() {
  const Domain positive{0.2, 3}, no_zero{-2, 2, {0}}, divisor{-3, 3, {0}, 0.3};
  Domain distinct;
  distinct.distinct = true;
  Rows table;
  const auto add_rows = [&](const Rows& rows) {
    table.insert(table.end(), rows.begin(), rows.end());
  };

  add_rows(binary("add", add, [](double a, double b) { return a + b; }));
  add_rows(binary("sub", sub, [](double a, double b) { return a - b; }));
  add_rows(binary("mul", mul, [](double a, double b) { return a * b; }));
  add_rows(binary(
      "div", div, [](double a, double b) { return a / b; }, divisor));
  add_rows(unary("neg", "", neg, [](double x) { return -x; }));
  add_rows(unary("exp", "", exp, [](double x) { return std::exp(x); }));
  add_rows(unary(
      "log", "", log, [](double x) { return std::log(x); }, positive));
  add_rows(unary(
      "sqrt", "", sqrt, [](double x) { return std::sqrt(x); }, positive));
  add_rows(unary(
      "pow", "3", [](const Tensor& x) { return pow(x, 3); }, [](double x) { return x * x * x; }));
  add_rows(unary(
      "pow", "2.5", [](const Tensor& x) { return pow(x, 2.5); },
      [](double x) { return std::pow(x, 2.5); }, positive));
  add_rows(unary(
      "pow", "-1", [](const Tensor& x) { return pow(x, -1); }, [](double x) { return 1 / x; },
      divisor));
  add_rows(unary(
      "pow", "0", [](const Tensor& x) { return pow(x, 0); }, [](double) { return 1.0; }));
  add_rows(unary(
      "relu", "", relu, [](double x) { return x > 0 ? x : 0; }, no_zero));
  add_rows(unary(
      "leaky_relu", "", [](const Tensor& x) { return leaky_relu(x, 0.125); },
      [](double x) { return x > 0 ? x : x / 8; }, no_zero));
  add_rows(unary("tanh", "", tanh, [](double x) { return std::tanh(x); }));
  add_rows(unary("silu", "", silu, [](double x) { return x / (1 + std::exp(-x)); }));
  add_rows(
      unary("gelu", "", gelu, [](double x) { return x * std::erfc(-x / std::sqrt(2.0)) / 2; }));
  add_rows(unary("sigmoid", "", sigmoid, [](double x) { return 1 / (1 + std::exp(-x)); }));
  add_rows(unary(
      "clamp", "", [](const Tensor& x) { return clamp(x, -1, 0.5); },
      [](double x) { return x < -1    ? -1
                            : x > 0.5 ? 0.5
                                      : x; }, {-2, 2, {-1, 0.5}}));

  add_rows(reduction("sum", "", sum, total, true));
  add_rows(reduction("mean", "", mean, average, true));
  const auto spread = [](const auto& f, int correction) {
    return [=](const Tensor& x, const Axes& axes, bool keepdim) {
      return f(x, axes, correction, keepdim);
    };
  };
  add_rows(reduction("var", "unbiased, ", spread(var, 1), variance<1>, false));
  add_rows(reduction("var", "population, ", spread(var, 0), variance<0>, true));
  add_rows(reduction("stddev", "unbiased, ", spread(stddev, 1), deviation<1>, false));
  add_rows(reduction("stddev", "population, ", spread(stddev, 0), deviation<0>, false));
  add_rows(reduction("max", "", max, largest, true, distinct));

  add_rows(reshaping());
  add_rows(permuting());
  add_rows(
      {slicing("axis 0", 0, -3, -1, {{{3}}, {{5, 2}}, {{4, 1, 3}}, {{3, 0}}},
               {{{2}}, {{0, 3}}, {{}}}, {{301, 200}}),
       slicing("axis 1", 1, 1, 3, {{{2, 3}}, {{1, 4, 5}}, {{3, 5, 1}}, {{0, 3}}, {{2, 3, 2, 2}}},
               {{{2, 2}}, {{5}}}, {{33, 4, 500}}),
       slicing("last axis, nothing", -1, 2, 2, {{{2}}, {{3, 5}}, {{2, 1, 3}}}, {{{1}}, {{3, 1}}})});
  add_rows(
      {joining("axis 0", 0,
               {{{1}, {1}}, {{2, 3}, {1, 3}}, {{0, 2}, {3, 2}}, {{3, 5}, {1, 5}, {2, 5}}, {{7}}},
               {{{2, 3}, {2, 4}}, {{2}, {2, 2}}, {{}, {}}, {}}, {{301, 200}, {77, 200}}),
       joining("axis 1", 1, {{{2, 3}, {2, 1}}, {{1, 2, 3}, {1, 4, 3}, {1, 0, 3}}},
               {{{2, 3}, {3, 3}}, {{2}, {2}}}, {{33, 7, 101}, {33, 10, 101}}),
       joining("last axis", -1, {{{3}, {2}}, {{3, 2}, {3, 5}}, {{2, 2, 1}, {2, 2, 3}}}, {})});
  add_rows({gathering("with repeats", {4}, {2, 0, 2, 1},
                      {{{3}}, {{3, 5}}, {{4, 2, 3}}, {{3, 0}}, {{3, 1, 1}}},
                      {{{}}, {{2}}, {{0, 3}}}, {{3, 20001}}),
            gathering("by a matrix", {2, 3}, {0, 1, 0, 1, 1, 1}, {{{2}}, {{3, 5}}, {{2, 1, 2}}},
                      {{{1, 4}}}),
            gathering("nothing", {0}, {}, {{{2}}, {{3, 5}}}, {}),
            gathering("a negative index", {2}, {0, -1}, {}, {{{3}}, {{3, 2}}})});

  add_rows({product("A B", Trans::none), product("A'B", Trans::left), product("A B'", Trans::right),
            product("A'B'", Trans::both)});

  add_rows({convolution("plain", 1, 0,
                        {{{1, 1, 1, 1}, {1, 1, 1, 1}},
                         {{2, 3, 4, 1}, {2, 2, 1, 3}, {3}},
                         {{1, 5, 5, 3}, {3, 3, 3, 5}, {5}},
                         {{2, 3, 3, 5}, {1, 1, 5, 17}, {17}},
                         {{1, 3, 4, 2}, {3, 4, 2, 3}},
                         {{1, 4, 4, 1}, {3, 3, 1, 33}, {33}},
                         {{0, 4, 4, 2}, {3, 3, 2, 3}, {3}},
                         {{2, 3, 3, 0}, {2, 2, 0, 3}, {3}},
                         {{2, 3, 3, 2}, {2, 2, 2, 0}, {0}}},
                        {{17, 16, 15, 9}, {3, 3, 9, 5}, {5}}),
            convolution("padding 1", 1, 1,
                        {{{2, 3, 3, 1}, {3, 3, 1, 5}},
                         {{1, 1, 1, 3}, {3, 3, 3, 3}, {3}},
                         {{1, 3, 2, 17}, {3, 3, 17, 2}, {2}},
                         {{1, 2, 3, 33}, {2, 2, 33, 1}}},
                        {{9, 14, 13, 33}, {3, 3, 33, 17}}),
            convolution("stride 2, padding 2", 2, 2,
                        {{{1, 7, 7, 1}, {5, 5, 1, 3}, {3}},
                         {{3, 6, 5, 2}, {5, 5, 2, 1}, {1}},
                         {{2, 2, 2, 3}, {5, 4, 3, 5}}},
                        {{40, 28, 28, 1}, {5, 5, 1, 8}, {8}}),
            convolution("stride 3", 3, 0,
                        {{{1, 7, 8, 2}, {3, 3, 2, 3}, {3}},
                         {{2, 5, 9, 1}, {1, 1, 1, 5}},
                         {{1, 8, 7, 3}, {4, 2, 3, 2}}}),
            convolution("uneven", {2, 1}, {0, 3},
                        {{{1, 5, 3, 3}, {3, 5, 3, 2}, {2}},
                         {{2, 4, 1, 1}, {2, 3, 1, 3}},
                         {{1, 3, 4, 5}, {1, 4, 5, 1}, {1}}})});

  add_rows(
      {max_pooling("2", {2, 2},
                   {{{1, 2, 2, 1}}, {{2, 4, 5, 3}}, {{1, 3, 3, 1}}, {{0, 4, 4, 2}}, {{2, 4, 4, 0}}},
                   {{40, 28, 28, 2}}),
       max_pooling("3, stride 2, padding 1", {3, 2, 1},
                   {{{1, 1, 1, 1}}, {{1, 5, 6, 3}}, {{2, 2, 3, 1}}}),
       max_pooling("uneven, overlapping, ceil", {{2, 3}, {1, 2}, {1, 0}, true},
                   {{{1, 3, 4, 2}}, {{2, 1, 6, 1}}, {{1, 4, 7, 3}}}),
       max_pooling("ceil", {2, 2, 0, true}, {{{1, 3, 5, 1}}, {{1, 4, 3, 3}}, {{1, 2, 2, 1}}}),
       max_pooling("gaps", {1, 3, 0, true}, {{{1, 4, 5, 2}}, {{1, 1, 1, 1}}})});
  add_rows(
      {avg_pooling("2", {2, 2},
                   {{{1, 2, 2, 1}}, {{2, 4, 5, 3}}, {{1, 3, 3, 1}}, {{0, 4, 4, 2}}, {{2, 4, 4, 0}}},
                   {{40, 28, 28, 2}}),
       avg_pooling("3, stride 2, padding 1", {3, 2, 1},
                   {{{1, 1, 1, 1}}, {{1, 5, 6, 3}}, {{2, 2, 3, 1}}}),
       avg_pooling("padding not counted", {3, 2, 1, false, false},
                   {{{1, 1, 1, 1}}, {{1, 5, 6, 3}}, {{2, 2, 3, 1}}}),
       avg_pooling("uneven, ceil", {{2, 3}, {1, 2}, {1, 1}, true},
                   {{{1, 3, 4, 2}}, {{2, 1, 6, 1}}, {{1, 4, 7, 3}}}),
       avg_pooling("ceil, padding not counted", {{3, 2}, 2, {1, 1}, true, false},
                   {{{1, 4, 4, 2}}, {{2, 3, 5, 1}}})});

  add_rows(normalization());
  const auto relu_with = [&](const char* variant, double leak, double sub, double max) {
    Domain kinked{-2, 2, {0, max + sub}};
    OpRow row{"general_relu",
              variant,
              [=](const Tensors& t) {
                return general_relu(t[0], static_cast<Scalar>(leak), static_cast<Scalar>(sub),
                                    static_cast<Scalar>(max));
              },
              [=](const std::vector<Plain>& p) {
                return build(p[0].shape, [&](const Position& at) {
                  const double x = p[0].at(at);
                  return std::min((x > 0 ? x : leak * x) - sub, max);
                });
              },
              {{{}}, {{1}}, {{7}}, {{3, 5}}, {{2, 3, 1, 5}}, {{33}}, {{0}}},
              kinked,
              {},
              {{200, 301}}};
    table.push_back(row);
  };
  relu_with("leak 1/8, sub 1/4", 0.125, 0.25, 100);
  relu_with("leak 0, at most 1", 0, 0, 1);
  relu_with("leak 1/4, sub -1/2, at most 1", 0.25, -0.5, 1);

  table.push_back({"log_softmax",
                   "",
                   [](const Tensors& t) { return log_softmax(t[0]); },
                   [](const std::vector<Plain>& p) { return log_softmax_oracle(p[0]); },
                   {{{1}}, {{5}}, {{3, 7}}, {{2, 3, 5}}, {{33}}, {{4, 1}}, {{0, 3}}},
                   {},
                   {{{}}, {{3, 0}}},
                   {{4001, 10}}});
  add_rows(
      {classification("", 0), classification("smoothed", 0.1), classification("all smooth", 1)});
  table.push_back(
      {"mse_loss",
       "",
       [](const Tensors& t) { return mse_loss(t[0], t[1]); },
       [](const std::vector<Plain>& p) {
         double sum = 0;
         for (Index i = 0; i < p[0].shape.size(); ++i)
           sum += (p[0][i] - p[1][i]) * (p[0][i] - p[1][i]);
         return Plain{{}, {sum / static_cast<double>(p[0].shape.size())}};
       },
       {{{}, {}}, {{1}, {1}}, {{3, 5}, {3, 5}}, {{2, 3, 1}, {2, 3, 1}}, {{33}, {33}}, {{0}, {0}}},
       {},
       {{{3}, {1}}, {{2, 3}, {3}}, {{3}, {}}},
       {{200, 301}, {200, 301}}});
  return table;
}

}  // namespace

const std::vector<OpRow>& op_table() {
  static const Rows table = make_table();
  return table;
}

std::string title(const OpRow& row) {
  return row.variant.empty() ? row.op : row.op + " (" + row.variant + ")";
}

}  // namespace kindling::test
