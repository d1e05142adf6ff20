// The settings of the recipes, against those of the course's notebooks (09 to 14): a row that says
// it is the course's must not drift away from it unseen.

#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "engine/ops/layout.h"
#include "learner/examples/fashion_mnist/recipes.h"
#include "nn/optim.h"

using namespace kindling;
using doctest::Approx;

namespace {

// Parameters, counted by hand: a convolution has a bias, also under batch norm, as the course's.

Index conv(Index in, Index out, Index kernel = 3) { return in * out * kernel * kernel + out; }
Index normed(Index in, Index out, Index kernel = 3) { return conv(in, out, kernel) + 2 * out; }

Index res_block(Index in, Index out, Index kernel = 3) {
  return normed(in, out, kernel) + normed(out, out, kernel) + (in == out ? 0 : conv(in, out, 1));
}

/// A ResBlock from each width to the next; Linear without bias and a BatchNorm1d.
Index residual(Index first, const std::vector<Index>& widths) {
  for (std::size_t i = 0; i + 1 < widths.size(); ++i) first += res_block(widths[i], widths[i + 1]);
  return first + widths.back() * 10 + 20;
}

const Index kConvNet = conv(1, 8, 5) + conv(8, 16) + conv(16, 32) + conv(32, 64) + conv(64, 10);
const Index kNormedNet = kConvNet + 2 * (8 + 16 + 32 + 64);
const Index kConvBnNet = kNormedNet - conv(1, 8, 5) + conv(1, 8);
const Index kResNet = residual(res_block(1, 8), {8, 16, 32, 64, 128, 256});
const Index kWide = residual(res_block(1, 16, 5), {16, 32, 64, 128, 256, 512});
const Index kPooled = residual(normed(1, 16, 5), {16, 32, 64, 128, 256});

/// Gradients so small, and so unlike each other, that beta2 and eps show in the steps; a weight of
/// which a float shows the steps, and the steps its decay.
constexpr double kFirst = 1e-4, kSecond = 2e-6, kWeight = 0.01;

/// What a weight becomes in two steps with these gradients, by the formula of PyTorch's manual.
using Twice = std::function<double(double w, double g1, double g2)>;

Twice sgd(double lr, double momentum = 0) {
  return [=](double w, double g1, double g2) { return w - lr * g1 - lr * (momentum * g1 + g2); };
}

double rmsprop(double w, double g1, double g2) {
  const double s1 = 0.01 * g1 * g1, s2 = 0.99 * s1 + 0.01 * g2 * g2;
  return w - 3e-3 * (g1 / (std::sqrt(s1) + 1e-5) + g2 / (std::sqrt(s2) + 1e-5));
}

Twice adam(double lr, double beta2, double eps, double decay) {
  return [=](double w, double g1, double g2) {
    double mean = 0, square = 0;
    for (int t = 1; t <= 2; ++t) {
      const double g = t == 1 ? g1 : g2;
      mean = 0.9 * mean + 0.1 * g;
      square = beta2 * square + (1 - beta2) * g * g;
      w -= lr * decay * w;
      w -= lr * (mean / (1 - std::pow(0.9, t))) /
           (std::sqrt(square / (1 - std::pow(beta2, t))) + eps);
    }
    return w;
  };
}

Twice adamw(double lr) { return adam(lr, 0.999, 1e-8, 0.01); }

struct Setting {
  std::string name;
  int epochs;
  Index batch_size;
  double lr;
  Index parameters;
  Twice twice;
  double kept = 0;      ///< Of the gradients.
  bool cycles = false;  ///< Along PyTorch's OneCycleLR, with its momentum.
  int models = 1;
};

const std::vector<Setting> kCourse{
    {"lesson16", 1, 1024, 0.6, kConvNet, sgd(0.6)},
    {"init", 3, 1024, 0.2, kConvNet, sgd(0.2), 0.85},
    {"relu", 3, 1024, 0.2, kConvNet, sgd(0.2), 0.85},
    {"lsuv", 3, 1024, 0.2, kConvNet, sgd(0.2), 0.85},
    {"layernorm", 3, 1024, 0.2, kNormedNet, sgd(0.2), 0.85},
    {"batchnorm", 5, 256, 0.2, kNormedNet, sgd(0.2), 0.85},
    {"sgd", 3, 1024, 0.4, kConvBnNet, sgd(0.4)},
    {"momentum", 3, 1024, 0.15, kConvBnNet, sgd(0.15, 0.9)},
    {"rmsprop", 3, 1024, 3e-3, kConvBnNet, rmsprop},
    {"adam", 3, 1024, 6e-3, kConvBnNet, adam(6e-3, 0.99, 1e-5, 0)},
    {"cosine", 3, 1024, 2e-2, kConvBnNet, adamw(2e-2)},
    {"onecycle", 5, 1024, 6e-2, kConvBnNet, adamw(6e-2), 0, true},
    {"resnet", 5, 1024, 2e-2, kResNet, adamw(2e-2), 0, true},
    {"wide", 5, 1024, 1e-2, kWide, adamw(1e-2), 0, true},
    {"pooled", 5, 1024, 1e-2, kPooled, adamw(1e-2), 0, true},
    {"dropout", 5, 1024, 1e-2, kPooled, adamw(1e-2), 0, true},
    {"augment", 20, 1024, 1e-2, kPooled, adamw(1e-2), 0, true},
    {"erase", 50, 1024, 2e-2, kPooled, adamw(2e-2), 0, true},
    {"copy-ensemble", 25, 1024, 1e-2, kPooled, adamw(1e-2), 0, true, 2},
};

}  // namespace

TEST_CASE("the course's recipes have the settings of its notebooks") {
  CHECK((kResNet + 5000) / 10'000 == 123);  // 1.23 and 1.22 million, the notebooks print
  CHECK((kPooled + 5000) / 10'000 == 122);
  for (const Setting& course : kCourse) {
    CAPTURE(course.name);
    const Recipe recipe = find_recipe(course.name).make();
    CHECK(recipe.epochs == course.epochs);
    CHECK(recipe.batch_size == course.batch_size);
    CHECK(recipe.lr == course.lr);
    CHECK(recipe.kept_gradients == course.kept);
    CHECK(recipe.models == course.models);
    Index parameters = 0;
    for (const Tensor& p : recipe.model->parameters()) parameters += p.size();
    CHECK(parameters == course.parameters);

    Tensor w = Tensor(Array(Shape{1, 1}, Scalar(kWeight))).set_requires_grad(true);
    const auto opt = recipe.opt_func({w}, recipe.lr);
    for (const double g : {kFirst, kSecond}) {
      w.set_grad(Array(Shape{1, 1}, static_cast<Scalar>(g)));
      opt->step();
    }
    const double moved = double{w.value().data()[0]} - kWeight;
    CHECK(moved == Approx(course.twice(kWeight, kFirst, kSecond) - kWeight).scale(0).epsilon(8e-5));

    CHECK(bool{recipe.momentum} == course.cycles);
    if (!course.cycles) continue;
    const Schedule rate = recipe.schedule(course.lr);
    CHECK(rate(0, 1000) == Approx(course.lr / 25).scale(0));
    CHECK(rate(299, 1000) == Approx(course.lr).scale(0));
    CHECK(rate(999, 1000) == Approx(course.lr / 25 / 1e4).scale(0));
    CHECK(recipe.momentum(0, 1000) == Approx(0.95));
    CHECK(recipe.momentum(299, 1000) == Approx(0.85));
    CHECK(recipe.momentum(999, 1000) == Approx(0.95));
  }
}

TEST_CASE("the rates of the course's recipes that are no cycle") {
  const auto rate = [](const char* name, Index step) {
    const Recipe recipe = find_recipe(name).make();
    return recipe.schedule ? recipe.schedule(recipe.lr)(step, 1000) : recipe.lr;
  };
  for (const Index step : {0, 500, 999}) CHECK(rate("sgd", step) == 0.4);
  CHECK(rate("batchnorm", 599) == Approx(0.2));  // three epochs at .2, two at .05
  CHECK(rate("batchnorm", 600) == Approx(0.05));
  CHECK(rate("batchnorm", 999) == Approx(0.05));
  CHECK(rate("cosine", 0) == Approx(2e-2));
  CHECK(rate("cosine", 500) == Approx(1e-2));
}
