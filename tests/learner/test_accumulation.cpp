// Gradients that are gathered over several batches.

#include <doctest/doctest.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "engine/ops/elementwise.h"
#include "engine/ops/reduce.h"
#include "learner/callbacks/checkpoint_cb.h"
#include "learner/callbacks/gradients.h"
#include "learner/callbacks/train_cb.h"
#include "learner/files/state_dict.h"
#include "nn/layers.h"
#include "nn/loss.h"
#include "nn/models.h"
#include "tests/learner/fits.h"
#include "tests/learner/numbers.h"
#include "tests/learner/whole_fit.h"
#include "tests/plot/picture.h"
#include "tests/support/errors.h"

using namespace kindling;
using namespace kindling::test;
using plot::testing::TemporaryFolder;

TEST_CASE("GradientAccumulationCB: three batches of 4 make the step of one of 12") {
  std::vector<double> results[2];
  for (const bool gathers : {false, true}) {
    set_seed(1);
    Points data(24, 8, gathers ? 4 : 12);
    const auto model = nn::mlp(3, 5, 2);
    GradientAccumulationCB accumulation(3);
    TrainLearner learn(
        *model, data.dls, nn::CrossEntropyLoss(),
        {.lr = 0.5, .opt_func = optimizer<nn::SGD>(nn::SGDOptions{.momentum = 0.9})});
    if (gathers) learn.add(accumulation);
    learn.fit(3);
    results[gathers] = weights(*model);
  }
  CHECK(furthest(results[0], results[1]) <= 1e-6);
}

TEST_CASE("GradientAccumulationCB: batches count by their rows, as in one large batch") {
  // 4, 4 and 2 rows together; and 3, 3, 3 and 1 by pairs, where each pair is a batch of 6 or of 4.
  struct Case {
    Index small, gathered, large;
  };
  for (const Case& c : {Case{4, 3, 10}, Case{3, 4, 10}, Case{3, 2, 6}}) {
    std::vector<double> results[2];
    for (const bool gathers : {false, true}) {
      set_seed(1);
      Points data(10, 8, gathers ? c.small : c.large);
      const auto model = nn::mlp(3, 5, 2);
      GradientAccumulationCB accumulation(c.gathered);
      TrainLearner learn(*model, data.dls, nn::CrossEntropyLoss(), {.lr = 0.5});
      if (gathers) learn.add(accumulation);
      learn.fit(3);
      results[gathers] = weights(*model);
    }
    CHECK(furthest(results[0], results[1]) <= 1e-6);
  }
}

TEST_CASE(
    "GradientAccumulationCB: a batch in the middle may be short, or skipped behind its loss") {
  // The loss of w x is -w x: the gradient of a batch is minus its mean, of rows 1 to 10.
  Array x(Shape{10, 1});
  for (Index i = 0; i < 10; ++i) x.data()[i] = static_cast<Scalar>(i + 1);
  const TensorDataset data(x, x);
  for (const Index skipped : {-1, 0, 1, 2}) {
    nn::Linear model(1, 1, false);
    std::vector<double> steps;
    // Batches of 4, 4 and 2 rows, of which the second becomes one of its first row.
    OnEvent shorten([](const std::string& event, Learner& l) {
      if (event == "before_batch" && l.training && l.iter == 1)
        l.batch = Batch{{Tensor(l.batch.xs[0].value().rows(0, 1))},
                        Tensor(l.batch.values().value().rows(0, 1))};
    });
    OnEvent skips([&](const std::string& event, Learner& l) {
      if (event == "after_loss" && l.training && l.iter == skipped) throw CancelBatch();
    });
    OnEvent look(
        [&](const std::string& event, Learner& l) {
          if (event == "after_step") steps.push_back(gradients(l).at(0));
        },
        100);
    GradientAccumulationCB accumulation(3);
    TrainLearner learn(model, {DataLoader(data, 4), DataLoader(data, 4)},
                       [](const Tensor& preds, const Tensor&) { return mean(preds) * Scalar{-1}; },
                       {.cbs = {&accumulation, &shorten, &skips, &look}});
    learn.fit(1);
    const double sums[] = {1 + 2 + 3 + 4, 5, 9 + 10}, rows[] = {4, 1, 2};
    double sum = 0, n = 0;
    for (Index i = 0; i < 3; ++i)
      if (i != skipped) sum += sums[i], n += rows[i];
    REQUIRE(steps.size() == (skipped == 2 ? 0u : 1u));  // the last is to make it
    if (skipped != 2) CHECK(steps[0] == doctest::Approx(-sum / n).epsilon(1e-6));
  }
}

TEST_CASE("GradientAccumulationCB: equal batches are divided by their number, bit for bit") {
  std::string results[2];
  for (const bool by_hand : {false, true}) {
    set_seed(1);
    Points data(21, 8, 7);
    const auto model = nn::mlp(3, 5, 2);
    GradientAccumulationCB accumulation(3);
    OnEvent third(
        [](const std::string& event, Learner& learn) {
          if (event != "after_backward") return;
          if (learn.iter < 2) throw CancelStep();
          learn.opt->scale_grad(1 / 3.0);
        },
        callback_order::kGather);
    TrainLearner learn(*model, data.dls, nn::CrossEntropyLoss(), {.lr = 0.5});
    learn.add(by_hand ? static_cast<Callback&>(third) : accumulation);
    learn.fit(3);
    results[by_hand] = bits(*model);
  }
  CHECK((results[0] == results[1]));
}

TEST_CASE("GradientAccumulationCB: rows are those of the first input, however many there are") {
  Random random(5);
  const Array first = random.uniform(Shape{10, 3}, -1, 1),
              labels = random.uniform(Shape{10, 2}, -1, 1);
  const TensorDataset data({first, labels},
                           IntArray(Shape{10}, 0));  // TrainCB makes the second the target
  std::vector<double> results[2];
  for (const bool gathers : {false, true}) {
    set_seed(1);
    nn::Linear model(3, 2);
    GradientAccumulationCB accumulation(3);
    TrainCB steps;
    const DataLoader dl(data, gathers ? 4 : 10);
    Learner learn(model, {dl, dl}, nn::MSELoss(), {.lr = 0.5, .cbs = {&steps}});
    if (gathers) learn.add(accumulation);
    learn.fit(2);
    results[gathers] = weights(model);
  }
  CHECK(furthest(results[0], results[1]) <= 1e-6);
}

TEST_CASE("GradientAccumulationCB: not beside gradients that are kept anyway") {
  Points data;
  nn::Linear model(3, 2);
  GradientAccumulationCB accumulation(2);
  MomentumLearner learn(model, data.dls, nn::CrossEntropyLoss(), {.cbs = {&accumulation}});
  const std::string before = bits(model);
  CHECK(message_of([&] { learn.fit(1); }) ==
        "[gradient_accumulation] a MomentumLearner keeps gradients from step to step: another "
        "learner expected");
  CHECK((bits(model) == before));
  learn.remove(accumulation);
  learn.fit(1);
}

TEST_CASE(
    "GradientAccumulationCB: what was restored for a fit that was cancelled is not the next's") {
  const TemporaryFolder folder;
  const std::string half = folder.file("half");
  set_seed(1);
  Points data(20, 8, 4);  // five batches: steps behind the third and the fifth
  const auto model = nn::mlp(3, 4, 2);
  const NamedArrays initial = state_dict(*model);
  GradientAccumulationCB accumulation(3);
  CheckpointCB checkpoint;
  TrainLearner learn(*model, data.dls, nn::CrossEntropyLoss(),
                     {.lr = 0.5, .cbs = {&accumulation, &checkpoint}});
  learn.fit(1);
  const std::string fresh = bits(*model);
  load_state_dict(*model, initial);
  StopAfter stop(1, half);  // with one batch gathered
  CHECK_THROWS_WITH(learn.fit(1, {.cbs = {&stop}}), "pulled the plug");
  checkpoint.resume(half);
  bool restored = false;
  OnEvent enough(
      [&](const std::string& event, Learner& l) {
        if (event != "before_fit") return;
        restored = l.start && l.start->batch == 1;
        throw CancelFit();
      },
      callback_order::kCheckpoint);
  learn.fit(1, {.cbs = {&enough}});
  CHECK(restored);
  load_state_dict(*model, initial);
  std::vector<Index> steps;
  OnEvent watch([&](const std::string& event, Learner& l) {
    if (event == "after_step") steps.push_back(l.iter);
  });
  learn.fit(1, {.cbs = {&watch}});
  CHECK(steps == std::vector<Index>{2, 4});
  CHECK((bits(*model) == fresh));
}

TEST_CASE("GradientAccumulationCB: what is left at the end of an epoch makes a step, alone") {
  Points data(20, 8, 4);  // five batches: a step behind the third and the fifth
  nn::Linear model(3, 2);
  std::vector<Index> steps;
  OnEvent watch([&](const std::string& event, Learner& learn) {
    if (event == "after_step") steps.push_back(learn.iter);
  });
  GradientAccumulationCB accumulation(3);
  TrainLearner learn(model, data.dls, nn::CrossEntropyLoss(), {.cbs = {&watch, &accumulation}});
  learn.fit(2);
  CHECK(steps == std::vector<Index>{2, 4, 2, 4});
  // A fit that is cancelled in between leaves nothing for the next.
  OnEvent stop([](const std::string& event, Learner& l) {
    if (event == "after_batch" && l.iter == 1) throw CancelFit();
  });
  learn.fit(1, {.cbs = {&stop}});
  steps.clear();
  learn.fit(1);
  CHECK(steps == std::vector<Index>{2, 4});
  CHECK_THROWS_AS(GradientAccumulationCB{0}, Error);
}

TEST_CASE(
    "GradientAccumulationCB: an epoch that is cancelled in between leaves the next no gradient") {
  std::vector<double> first[2];  // gradients of the first step of the second epoch
  for (const bool cancelled : {false, true}) {
    Points data(12, 8, 4);
    nn::Linear model(3, 2);
    for (Tensor parameter : model.parameters()) parameter.set_value(Array(parameter.shape(), 0));
    GradientAccumulationCB accumulation(2);
    OnEvent watch(
        [&](const std::string& event, Learner& learn) {
          if (event == "before_batch" && learn.training && learn.epoch == 0 &&
              learn.iter == (cancelled ? 1 : 0))
            throw CancelEpoch();
          if (event == "after_backward" && learn.epoch == 1 && learn.iter == 1)
            first[cancelled] = gradients(learn);
        },
        10);
    TrainLearner learn(model, data.dls, nn::CrossEntropyLoss(), {.cbs = {&watch, &accumulation}});
    learn.fit(2);
  }
  CHECK(first[0].size() == 8);
  CHECK(first[0] == first[1]);
}

TEST_CASE(
    "GradientAccumulationCB: a batch that is skipped gives nothing, and the last one no step") {
  Points data(20, 8, 4);  // five batches, of which one is skipped
  struct Case {
    Index skipped;
    std::vector<Index> steps;
  };
  for (const Case& c : {Case{4, {1, 3}}, Case{1, {2, 4}}, Case{3, {1, 4}}}) {
    nn::Linear model(3, 2);
    std::vector<Index> steps;
    OnEvent watch([&](const std::string& event, Learner& l) {
      if (event == "before_batch" && l.training && l.iter == c.skipped) throw CancelBatch();
      if (event == "after_step") steps.push_back(l.iter);
    });
    GradientAccumulationCB accumulation(2);
    TrainLearner learn(model, data.dls, nn::CrossEntropyLoss(), {.cbs = {&watch, &accumulation}});
    learn.fit(2);
    std::vector<Index> twice = c.steps;
    twice.insert(twice.end(), c.steps.begin(), c.steps.end());
    CHECK(steps == twice);
  }
  // The fourth was gathered when the last is skipped: alone it makes no step.
  nn::Linear model(3, 2);
  std::vector<Index> steps;
  bool clean = true;  // no gradient at the beginning of an epoch
  OnEvent watch([&](const std::string& event, Learner& l) {
    if (event == "before_batch" && l.training && l.iter == 4) throw CancelBatch();
    if (event == "before_batch" && l.training && l.iter == 0)
      for (const Tensor& parameter : l.opt->parameters()) clean &= !parameter.grad().defined();
    if (event == "after_step") steps.push_back(l.iter);
  });
  GradientAccumulationCB accumulation(3);
  TrainLearner learn(model, data.dls, nn::CrossEntropyLoss(), {.cbs = {&watch, &accumulation}});
  learn.fit(2);
  CHECK(steps == std::vector<Index>{2, 2});
  CHECK(clean);
}
