#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "nn/layers.h"
#include "nn/models.h"
#include "nn/norm.h"
#include "nn/pool.h"

// Along a direction d in the space of all parameters, what the gradient g does not explain,
//
//     R(h) = |f(w + h d) - f(w) - h g.d|,
//
// falls with the square of h where f is smooth, so log2 of R(h) / R(h / 2) is 2. A gradient that is
// wrong in any of its numbers leaves something that falls with h alone, and the order is 1.

#ifdef KINDLING_DOUBLE

namespace kindling::test {

namespace {

struct Smooth : nn::Module {
  Tensor forward(const Tensor& x) override { return tanh(x); }
  std::string type() const override { return "Smooth"; }
};

/// tanh(convs(x) + x), as in a residual block.
struct Residual : nn::Module {
  nn::Conv2d& first = child<nn::Conv2d>("first", 3, 3, 3, 1, 1);
  nn::BatchNorm2d& norm = child<nn::BatchNorm2d>("norm", 3);
  nn::Conv2d& second = child<nn::Conv2d>("second", 3, 3, 3, 1, 1);
  Tensor forward(const Tensor& x) override { return tanh(second(tanh(norm(first(x)))) + x); }
  std::string type() const override { return "Residual"; }
};

struct Net {
  const char* name;
  std::function<std::unique_ptr<nn::Module>()> make;
};

std::vector<Net> nets() {
  using nn::make;
  const auto sequence = [](auto... layers) {
    return std::make_unique<nn::Sequential>(std::move(layers)...);
  };
  return {
      {"MLP",
       [=] {
         return sequence(make<nn::Flatten>(), make<nn::Linear>(64, 12), make<Smooth>(),
                         make<nn::Linear>(12, 5));
       }},
      {"CNN",
       [=] {
         return sequence(make<nn::Conv2d>(1, 4, 3, 2, 1), make<Smooth>(),
                         make<nn::Conv2d>(4, 6, 5, 2, 2), make<Smooth>(), make<nn::Flatten>(),
                         make<nn::Linear>(24, 5));
       }},
      {"CNN with batch norm",
       [=] {
         return sequence(make<nn::Conv2d>(1, 4, 3, 2, 1), make<nn::BatchNorm2d>(4), make<Smooth>(),
                         make<nn::Conv2d>(4, 6, 3, 2, 1), make<nn::BatchNorm2d>(6), make<Smooth>(),
                         make<nn::GlobalAvgPool>(), make<nn::Linear>(6, 5),
                         make<nn::BatchNorm1d>(5));
       }},
      {"residual block",
       [=] {
         return sequence(make<nn::Conv2d>(1, 3, 3, 1, 1), make<Residual>(), make<nn::AvgPool2d>(2),
                         make<nn::Flatten>(), make<nn::Linear>(48, 5));
       }},
      {"layer norm",
       [=] {
         return sequence(make<nn::Conv2d>(1, 6, 3, 2, 1), make<nn::LayerNorm>(6), make<Smooth>(),
                         make<nn::Flatten>(), make<nn::Linear>(96, 8), make<nn::LayerNorm>(8),
                         make<Smooth>(), make<nn::Linear>(8, 5));
       }},
  };
}

/// The loss of a net as a function of all its parameters.
class Loss {
 public:
  Loss(nn::Module& net, std::uint64_t seed) : net_(net) {
    Random random(seed);
    x_ = Tensor(random.normal({6, 8, 8, 1}));
    labels_ = IntArray({6}, {0, 1, 2, 3, 4, 0});
    for (const Tensor& parameter : net.parameters()) at_.push_back(parameter.value());
  }

  Tensor operator()(double h, const std::vector<Array>& direction) {
    auto parameters = net_.parameters();
    for (std::size_t i = 0; i < parameters.size(); ++i)
      parameters[i].set_value((Tensor(at_[i]) + Tensor(direction[i]) * Scalar(h)).value());
    return cross_entropy(net_(x_), labels_);
  }

  std::vector<Array> random_direction(Random& random) const {
    std::vector<Array> direction;
    for (const Array& w : at_) direction.push_back(random.normal(w.shape()));
    return direction;
  }

 private:
  nn::Module& net_;
  Tensor x_;
  IntArray labels_;
  std::vector<Array> at_;
};

double slope(const nn::Module& net, const std::vector<Array>& direction) {
  double total = 0;
  std::size_t i = 0;
  for (const Tensor& parameter : net.parameters()) {
    const Array &g = parameter.grad(), &d = direction[i++];
    for (Index k = 0; k < g.size(); ++k) total += g[k] * d[k];
  }
  return total;
}

}  // namespace

TEST_CASE("Taylor: what the gradient of a whole net leaves over is of second order") {
  int orders = 0;
  for (const Net& net : nets())
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
      set_seed(seed);
      const auto model = net.make();
      Loss loss(*model, seed);
      Random random(100 + seed);
      for (int k = 0; k < 3; ++k) {
        const auto direction = loss.random_direction(random);
        model->zero_grad();
        const Tensor at = loss(0, direction);
        at.backward();
        const double f = at.item(), g = slope(*model, direction);
        const auto rest = [&](double h) { return std::abs(loss(h, direction).item() - f - h * g); };
        for (const double h : {5e-5, 2.5e-5}) {
          const double order = std::log2(rest(h) / rest(h / 2));
          CAPTURE(std::string(net.name));
          CAPTURE(seed);
          CAPTURE(h);
          CHECK(order > 1.9);
          CHECK(order < 2.1);
          ++orders;
        }
      }
    }
  CHECK(orders == 5 * 3 * 3 * 2);
}

TEST_CASE("Taylor: a gradient with one wrong number is found") {
  set_seed(1);
  const auto model = nets()[2].make();
  Loss loss(*model, 1);
  Random random(101);
  const auto direction = loss.random_direction(random);
  const Tensor at = loss(0, direction);
  at.backward();
  Tensor weight = model->parameters()[0];
  Array grad = weight.grad();
  grad.data()[7] += 1;
  weight.set_grad(grad);
  const double f = at.item(), g = slope(*model, direction);
  const auto rest = [&](double h) { return std::abs(loss(h, direction).item() - f - h * g); };
  CHECK(std::abs(std::log2(rest(5e-5) / rest(2.5e-5)) - 1) < 0.1);
}

}  // namespace kindling::test

#endif
