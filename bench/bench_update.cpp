// Optimizer steps on 64 MiB of parameters. Counted are the parameter, its gradient and what the
// optimizer remembers of it, each read once, and all but the gradient written once.

#include <cmath>

#include "bench/memory_bound.h"
#include "nn/optim.h"

namespace kindling::bench {

namespace {

constexpr double kLr = 0.01;

/// The third step from a start is checked against `third`(p, g), the formula done three times;
/// the clock sees the steps after it.
template <class Make, class Third>
Trial optimizer(const Make& make, const Third& third) {
  const Array start = large({kNumbers}, 1), grad = large({kNumbers}, 2);
  auto parameter = std::make_shared<Tensor>(start, true);
  parameter->set_grad(grad);
  std::shared_ptr<nn::Optimizer> opt = make(std::vector<Tensor>{*parameter});
  const auto run = [opt] { opt->step(); };
  return {
      {{kOurs, run,
        [run, parameter] {
          for (int i = 0; i < 3; ++i) run();
          return parameter->value();
        }}},
      expected_each(kNumbers, [=](Index i) { return third(double{start[i]}, double{grad[i]}); })};
}

}  // namespace

void update_cases(Cases& cases) {
  const auto in_place = [&](const char* name, double read, double written, auto prepare) {
    cases.push_back(memory_bound(name, read, written, prepare, true));
  };
  in_place("update/sgd", 2, 1, [] {
    return optimizer(
        [](std::vector<Tensor> p) { return std::make_shared<nn::SGD>(std::move(p), kLr); },
        [](double p, double g) { return p - 3 * kLr * g; });
  });
  in_place("update/sgd-momentum", 3, 2, [] {
    return optimizer(
        [](std::vector<Tensor> p) {
          return std::make_shared<nn::SGD>(std::move(p), kLr, nn::SGDOptions{.momentum = 0.9});
        },
        [](double p, double g) {
          double v = 0;
          for (int i = 0; i < 3; ++i) v = 0.9 * v + g, p -= kLr * v;
          return p;
        });
  });
  in_place("update/adamw", 4, 3, [] {
    return optimizer(
        [](std::vector<Tensor> p) { return std::make_shared<nn::AdamW>(std::move(p), kLr); },
        [](double p, double g) {
          double m = 0, s = 0;
          for (int t = 1; t <= 3; ++t) {
            m = 0.9 * m + 0.1 * g, s = 0.999 * s + 0.001 * g * g;
            const double mean = m / (1 - std::pow(0.9, t)), square = s / (1 - std::pow(0.999, t));
            p = p * (1 - kLr * 0.01) - kLr * mean / (std::sqrt(square) + 1e-8);
          }
          return p;
        });
  });
}

}  // namespace kindling::bench
