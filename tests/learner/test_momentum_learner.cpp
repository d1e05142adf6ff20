// The steps of a MomentumLearner, against the recurrence written out.

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "engine/ops/loss.h"
#include "learner/learner.h"
#include "nn/layers.h"
#include "tests/learner/fits.h"

using namespace kindling;
using namespace kindling::test;

TEST_CASE("MomentumLearner: gradients follow g = grad + 0.85 g") {
  // y = 3 x, fitted by w x with the squared error: the gradient is 2 (w - 3) mean(x^2).
  const Array x(Shape{4, 1}, {-1, 0.5, 1, 2}), y(Shape{4, 1}, {-3, 1.5, 3, 6});
  const TensorDataset data(x, y);
  const DataLoaders dls{DataLoader(data, 2), DataLoader(data, 4)};
  for (const double momentum : {0.85, 0.5}) {
    nn::Linear model(1, 1, false);
    model.weight.set_value(Array(Shape{1, 1}, Scalar(-1)));
    std::vector<double> weights;
    OnEvent watcher([&](const std::string& event, Learner&) {
      if (event == "after_step") weights.push_back(model.weight.item());
    });
    MomentumLearner learn(model, dls, mse_loss, {.lr = 0.05, .cbs = {&watcher}}, momentum);
    learn.fit(3);

    double w = -1, g = 0;
    std::vector<double> expected;
    for (int step = 0; step < 6; ++step) {
      const double mean_square = step % 2 ? (1 + 4) / 2.0 : (1 + 0.25) / 2.0;
      g = 2 * (w - 3) * mean_square + momentum * g;
      w -= 0.05 * g;
      expected.push_back(w);
    }
    REQUIRE(weights.size() == 6);
    for (int i = 0; i < 6; ++i) CHECK(weights[i] == doctest::Approx(expected[i]).epsilon(1e-5));
    CHECK(model.weight.grad().item() == doctest::Approx(momentum * g).epsilon(1e-4));
  }
}
