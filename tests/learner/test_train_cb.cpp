// The five steps as a callback, for models with one input and with several.

#include "learner/callbacks/train_cb.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "engine/error.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/loss.h"
#include "nn/layers.h"
#include "nn/loss.h"
#include "tests/learner/fits.h"

using namespace kindling;
using namespace kindling::test;

namespace {

/// a(x) + b(x'): (N,3), (N,2) -> (N,2).
struct TwoInputs : nn::Module {
  nn::Linear& a = child<nn::Linear>("a", 3, 2);
  nn::Linear& b = child<nn::Linear>("b", 2, 2);
  std::string type() const override { return "TwoInputs"; }

 protected:
  Tensor forward(const Tensor&) override { throw Error("[two_inputs] two inputs expected"); }
  Tensor forward_all(std::span<const Tensor> xs) override {
    check<Error>(xs.size() == 2, "two_inputs", "two inputs expected, got ", xs.size());
    return a(xs[0]) + b(xs[1]);
  }
};

struct Inputs {
  Random random{5};
  Array first = random.uniform(Shape{6, 3}, -1, 1), second = random.uniform(Shape{6, 2}, -1, 1);
  IntArray labels{Shape{6}, {0, 1, 0, 0, 1, 1}};
  TensorDataset data{{first, second}, labels};
  DataLoaders dls{DataLoader(data, 6), DataLoader(data, 6)};
};

}  // namespace

TEST_CASE("TrainCB: a model of two inputs sees both, and both sides learn") {
  Inputs in;
  TwoInputs model;
  const Array expected = (model.a(Tensor(in.first)) + model.b(Tensor(in.second))).value();
  const std::string a = bits(model.a), b = bits(model.b);
  std::string first_preds;
  double first_loss = 0;
  OnEvent watcher([&](const std::string& event, Learner& learn) {
    if (event != "after_loss" || learn.epoch > 0 || !learn.training) return;
    first_preds = bits(learn.preds.value());
    first_loss = learn.loss.item();
  });
  TrainCB steps(2);
  Learner learn(model, in.dls, nn::CrossEntropyLoss{}, {.cbs = {&steps, &watcher}});
  learn.fit(3);
  CHECK((first_preds == bits(expected)));
  CHECK(first_loss == cross_entropy(Tensor(expected), in.labels).item());
  CHECK((bits(model.a) != a));
  CHECK((bits(model.b) != b));
  CHECK(learn.loss.item() < first_loss);
}

TEST_CASE("TrainCB: a tensor behind the inputs is the target") {
  Inputs in;
  nn::Linear model(3, 2);
  const double expected = mse_loss(model(Tensor(in.first)), Tensor(in.second)).item();
  TrainCB steps(1);
  Learner learn(model, in.dls, nn::MSELoss{}, {.cbs = {&steps}});
  learn.fit(1, {.train = false});
  CHECK(learn.loss.item() == expected);
}

TEST_CASE("TrainCB: too few inputs in a batch, or none asked for, is an error") {
  Inputs in;
  TwoInputs model;
  TrainCB three(3), one(1);
  Learner learn(model, in.dls, nn::CrossEntropyLoss{});
  CHECK_THROWS_WITH_AS(learn.fit(1, {.cbs = {&three}}),
                       "[TrainCB] 3 inputs expected, the batch has 2", Error);
  CHECK_THROWS_WITH_AS(learn.fit(1, {.cbs = {&one}}), "[two_inputs] two inputs expected, got 1",
                       Error);
  CHECK_THROWS_AS(TrainCB(0), Error);
  CHECK_THROWS_AS(TrainCB(-1), Error);
}
