// The callbacks that count, measure, stop and look inside.

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <string>

#include "engine/error.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/loss.h"
#include "learner/callbacks/completion.h"
#include "learner/callbacks/single_batch.h"
#include "learner/callbacks/terminate_on_nan.h"
#include "nn/layers.h"
#include "nn/loss.h"
#include "tests/learner/fits.h"

using namespace kindling;
using namespace kindling::test;

TEST_CASE("CompletionCB: counts the batches that were completed, and says so after the fit") {
  Points data;
  nn::Linear model(3, 2);
  const TemporaryFile out;
  CompletionCB completion(out.file);
  TrainLearner learn(model, data.dls, nn::CrossEntropyLoss{}, {.cbs = {&completion}});
  learn.fit(2);
  CHECK(completion.count() == 10);
  CHECK(out.text() == "Completed 10 batches\n");
  OnEvent skips([](const std::string& event, Learner& l) {
    if (event == "after_loss" && l.iter == 1) throw CancelBatch();
  });
  learn.fit(1, {.cbs = {&skips}});
  CHECK(completion.count() == 3);
  CHECK(out.text() == "Completed 10 batches\nCompleted 3 batches\n");
  OnEvent stops([](const std::string& event, Learner&) {
    if (event == "after_loss") throw CancelFit();
  });
  learn.fit(1, {.cbs = {&stops}});
  CHECK(completion.count() == 0);
  CHECK(out.text() == "Completed 10 batches\nCompleted 3 batches\n");

  learn.fit(1);
  learn.fit(1, {.rehearse = true});  // of which nobody keeps anything
  CHECK(completion.count() == 5);
  CHECK(out.text() == "Completed 10 batches\nCompleted 3 batches\nCompleted 5 batches\n");

  CompletionCB quiet(nullptr);
  TrainLearner(model, data.dls, nn::CrossEntropyLoss{}, {.cbs = {&quiet}}).fit(1);
  CHECK(quiet.count() == 5);
}

TEST_CASE("SingleBatchCB: one batch is trained on, seen by the others, and that is all") {
  Points data;
  nn::Linear model(3, 2);
  const std::string before = bits(model);
  std::string trace;
  OnEvent watcher([&](const std::string& event, Learner& l) {
    if (event.ends_with("batch") || event.ends_with("epoch") || event == "after_step")
      trace += event + (l.training ? " " : "' ");
  });
  CompletionCB completion(nullptr);
  SingleBatchCB single;
  TrainLearner learn(model, data.dls, nn::CrossEntropyLoss{},
                     {.cbs = {&single, &completion, &watcher}});
  learn.fit(5);
  CHECK(trace == "before_epoch before_batch after_step after_batch cleanup_batch cleanup_epoch ");
  CHECK(completion.count() == 1);
  CHECK((bits(model) != before));
}

TEST_CASE("TerminateOnNaN: says where the loss was lost, before it reaches the weights") {
  for (const Scalar bad :
       {std::numeric_limits<Scalar>::quiet_NaN(), std::numeric_limits<Scalar>::infinity(),
        -std::numeric_limits<Scalar>::infinity()}) {
    Points data(12, 8, 4);
    nn::Linear model(3, 2);
    // Three training and two validation batches an epoch: loss number 6 is batch 1 of epoch 1.
    int losses = 0;
    const auto loss = [&](const Tensor& scores, const IntArray& labels) {
      const Tensor good = cross_entropy(scores, labels);
      return losses++ == 6 ? good * bad : good;
    };
    std::string before;
    OnEvent watcher(
        [&](const std::string& event, Learner&) {
          if (event == "before_batch") before = bits(model);
        },
        -20);
    TerminateOnNaN terminate;
    TrainLearner learn(model, data.dls, loss, {.lr = 0.25, .cbs = {&terminate, &watcher}});
    std::string message;
    try {
      learn.fit(3);
    } catch (const Error& error) {
      message = error.what();
    }
    CHECK(losses == 7);
    CHECK(message.find('\n') == std::string::npos);
    for (const char* part : {"[fit] the loss is ", "epoch 1", "batch 1", "lr 0.25"})
      CHECK_MESSAGE(message.find(part) != std::string::npos, message);
    CHECK((bits(model) == before));
    for (const Tensor& parameter : model.parameters()) {
      CHECK(!parameter.grad().defined());
      for (const Scalar value : parameter.value().values()) CHECK(std::isfinite(value));
    }
    losses = 100;
    learn.fit(1);  // and on it goes
  }
}

TEST_CASE("TerminateOnNaN: a validation loss that is lost ends the fit too") {
  Points data;
  nn::Linear model(3, 2);
  const auto loss = [&](const Tensor& scores, const IntArray& labels) {
    const Tensor good = cross_entropy(scores, labels);
    return model.training() ? good : good * std::numeric_limits<Scalar>::quiet_NaN();
  };
  TerminateOnNaN terminate;
  CompletionCB completion(nullptr);
  TrainLearner learn(model, data.dls, loss, {.lr = 0.5, .cbs = {&terminate, &completion}});
  CHECK_THROWS_WITH_AS(learn.fit(2),
                       "[fit] the validation loss is not a number in epoch 0, batch 0, at lr 0.5: "
                       "try a smaller lr",
                       Error);
  CHECK(completion.count() == 3);  // the training batches of the first epoch
}
