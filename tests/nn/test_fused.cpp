#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "engine/engine.h"
#include "nn/hooks.h"
#include "nn/models.h"
#include "nn/norm.h"
#include "nn/optim.h"
#include "tests/support/nn_support.h"
#include "tests/support/plain.h"

using namespace kindling;
using namespace kindling::test;

// Modules whose results are computed together with those of the next: nobody must be able to tell.

namespace {

struct Run {
  std::vector<Scalar> losses;
  std::vector<Array> parameters;
};

/// Three training steps of a small residual network.
template <class Watch>
Run train(const Watch& watch) {
  set_seed(8);
  const auto model = nn::resnet(nn::make<nn::ResBlock>(1, 3), {3, 5, 6});
  [[maybe_unused]] const auto handles = watch(*model);
  nn::AdamW opt(model->parameters(), 1e-2);
  const Tensor x(Random(2).normal({12, 4, 4, 1}));
  const IntArray labels(Shape{12}, 3);
  Run run;
  for (int step = 0; step < 3; ++step) {
    const Tensor loss = cross_entropy((*model)(x), labels);
    run.losses.push_back(loss.item());
    loss.backward();
    opt.step();
    opt.zero_grad();
  }
  for (const Tensor& parameter : model->parameters()) run.parameters.push_back(parameter.value());
  return run;
}

void check_same(const Run& a, const Run& b) {
  CHECK(a.losses == b.losses);
  for (std::size_t i = 0; i < a.parameters.size(); ++i)
    CHECK(same_bits(a.parameters[i], b.parameters[i]));
}

}  // namespace

TEST_CASE("training is the same to the bit whether hooks look at every module or not") {
  const Run alone = train([](nn::Module&) { return 0; });
  const Run watched = train([](nn::Module& model) {
    std::vector<HookHandle> handles;
    for (const auto& [path, module] : model.named_modules())
      handles.push_back(module->register_forward_hook(
          [](nn::Module&, const Tensor&, const Tensor& y) { y.value(); }));
    return handles;
  });
  const Run watched_backward = train([](nn::Module& model) {
    std::vector<HookHandle> handles;
    for (const auto& [path, module] : model.named_modules())
      if (path != "0.idconv" && path != "0.pool")  // as they are: the input needs no gradient
        handles.push_back(
            module->register_backward_hook([](nn::Module&, const Array&, const Array&) {}));
    return handles;
  });
  check_same(watched, alone);
  check_same(watched_backward, alone);
}

TEST_CASE("a hook on a BatchNorm sees its own output, not that of the activation behind it") {
  set_seed(1);
  nn::Sequential model(nn::make<nn::BatchNorm2d>(3), nn::make<nn::GeneralRelu>(0.1, 0.4));
  struct State {
    Array x, y;
  };
  nn::Hook<State> hook(model[0], [](State& s, nn::Module&, const Tensor& x, const Tensor& y) {
    s.x = x.value();
    s.y = y.value();
  });
  const Array x = Random(5).normal({8, 5, 5, 3}, 2, 3), y = model(Tensor(x)).value();
  const Array& z = hook->y;
  REQUIRE(z.shape() == x.shape());
  for (Index c = 0; c < 3; ++c) {
    double mean = 0, square = 0;
    for (Index i = c; i < z.size(); i += 3) mean += z[i] / 200.0, square += z[i] * z[i] / 200.0;
    CHECK(mean == doctest::Approx(0).epsilon(1e-4));
    CHECK(square == doctest::Approx(1).epsilon(1e-3));
  }
  for (Index i = 0; i < z.size(); ++i)
    CHECK(y[i] == (z[i] > 0 ? z[i] : Scalar{0.1} * z[i]) - Scalar{0.4});
}

TEST_CASE("the output of a BatchNorm is written to memory only when somebody looks") {
  nn::Sequential model(nn::make<nn::BatchNorm2d>(8), nn::make<nn::ReLU>());
  bool pending = false;
  const auto hook =
      model[0].register_forward_hook([&](nn::Module&, const Tensor&, const Tensor& y) {
        pending = y.lazy_value().pending<Pending>() != nullptr;
        CHECK(y.shape() == Shape{4, 2, 2, 8});  // asking for the shape is not looking
        CHECK(y.lazy_value().pending<Pending>() != nullptr);
      });
  model(Tensor(Random(1).normal({4, 2, 2, 8})));
  CHECK(pending);
}

TEST_CASE("a hook that keeps a BatchNorm's output and puts it into the loss") {
  const auto gradient = [](bool look) {
    set_seed(3);
    nn::Sequential model(nn::make<nn::Conv2d>(2, 4, 3), nn::make<nn::BatchNorm2d>(4),
                         nn::make<nn::GeneralRelu>(0.1, 0.4));
    Tensor kept;
    const auto hook =
        model[1].register_forward_hook([&](nn::Module&, const Tensor&, const Tensor& y) {
          kept = y;
          if (look) y.value();
        });
    const Tensor y = model(Tensor(Random(6).normal({3, 5, 5, 2})));
    (sum(y * y) + sum(kept * kept * kept)).backward();
    return model.parameters()[0].grad();
  };
  CHECK(same_bits(gradient(true), gradient(false)));
}
