#include "learner/predictions.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "data/augment.h"
#include "engine/ops/elementwise.h"
#include "engine/random.h"
#include "learner/callbacks/batch_transform.h"
#include "learner/callbacks/metrics_cb.h"
#include "nn/layers.h"
#include "nn/loss.h"
#include "tests/learner/fits.h"
#include "tests/support/errors.h"

using namespace kindling;
using namespace kindling::test;

namespace {

/// Row by row, in plain loops: the scores of a linear model for factor * x, as probabilities if
/// wanted.
std::vector<double> by_hand(const nn::Linear& model, const Array& x, double factor, bool softmax) {
  std::vector<double> all;
  for (Index n = 0; n < x.dim(0); ++n) {
    double score[2], total = 0;
    for (Index k = 0; k < 2; ++k) {
      score[k] = model.bias.value()[k];
      for (Index j = 0; j < 3; ++j)
        score[k] += factor * x[3 * n + j] * model.weight.value()[2 * j + k];
      total += std::exp(score[k]);
    }
    for (const double s : score) all.push_back(softmax ? std::exp(s) / total : s);
  }
  return all;
}

void check_near(const Array& got, const std::vector<double>& want) {
  REQUIRE(got.shape() == Shape{static_cast<Index>(want.size() / 2), 2});
  for (std::size_t i = 0; i < want.size(); ++i)
    CHECK(std::abs(got[static_cast<Index>(i)] - want[i]) <= 1e-6);
}

/// Logarithms, as probabilities.
Array exp_of(const Array& logs) { return exp(Tensor(logs)).value(); }

const View kTwice = [](Batch batch) {
  batch.xs[0] = batch.xs[0] * Scalar{2};
  return batch;
};

struct Fitted {
  Points data{12, 7, 4};
  nn::Linear model{3, 2};
  TrainLearner learn{model, data.dls, nn::CrossEntropyLoss()};
  Array x = points(7, 2).batch(std::vector<Index>{0, 1, 2, 3, 4, 5, 6}).xs[0].value();
};

}  // namespace

TEST_CASE("capture_preds: scores and labels of every validation row, in order") {
  Fitted fit;
  fit.learn.fit(1);
  const nn::Optimizer* opt = fit.learn.opt.get();
  const std::string before = bits(fit.model);
  fit.model.train(false);
  const Predictions found = capture_preds(fit.learn);
  check_near(found.scores, by_hand(fit.model, fit.x, 1, false));
  const Batch all = points(7, 2).batch(std::vector<Index>{0, 1, 2, 3, 4, 5, 6});
  double right = 0;
  for (Index i = 0; i < 7; ++i) {
    CHECK(found.labels[i] == all.labels()[i]);
    right += (found.scores[2 * i + 1] > found.scores[2 * i]) == (all.labels()[i] == 1);
  }
  CHECK(found.accuracy() == right / 7);
  CHECK(fit.learn.opt.get() == opt);
  CHECK_FALSE(fit.model.training());
  CHECK(bits(fit.model) == before);
  CHECK(fit.learn.callbacks().empty());
}

TEST_CASE("capture_preds: a view comes first, and the learner's own transforms behind it") {
  Fitted fit;
  BatchTransformCB twice(kTwice);
  check_near(capture_preds(fit.learn, kTwice).scores, by_hand(fit.model, fit.x, 2, false));
  fit.learn.add(twice);
  check_near(capture_preds(fit.learn, kTwice).scores, by_hand(fit.model, fit.x, 4, false));
}

TEST_CASE("capture_preds: rows that are shuffled are nobody's") {
  Points data;
  nn::Linear model(3, 2);
  TrainLearner learn(model, {DataLoader(data.train, 4), DataLoader(data.valid, 4, true)},
                     nn::CrossEntropyLoss());
  CHECK(begins(message_of([&] { capture_preds(learn); }),
               "[capture_preds] the validation data are "));
}

TEST_CASE("tta: the mean of the probabilities over the views") {
  Fitted fit;
  const auto once = by_hand(fit.model, fit.x, 1, true), twice = by_hand(fit.model, fit.x, 2, true);
  std::vector<double> mean;
  for (std::size_t i = 0; i < once.size(); ++i) mean.push_back((2 * once[i] + twice[i]) / 3);
  check_near(exp_of(tta(fit.learn, {nullptr, kTwice, nullptr}).scores), mean);
}

TEST_CASE("tta: a flip, against probabilities by hand") {
  set_seed(4);
  constexpr Index n = 6, h = 3, w = 5;
  Random random(7);
  const Array x = random.uniform({n, h, w, 1}, -1, 1);
  const TensorDataset data(x, IntArray(Shape{n}, 0));
  nn::Sequential model(nn::make<nn::Flatten>(), nn::make<nn::Linear>(h * w, 2));
  TrainLearner learn(model, {DataLoader(data, 4), DataLoader(data, 4)}, nn::CrossEntropyLoss());
  const Array weight = model.parameters()[0].value(), bias = model.parameters()[1].value();
  std::vector<double> mean;
  double apart = 0;  // what the flip changes
  for (Index i = 0; i < n; ++i) {
    double probability[2];  // of class 1, straight and mirrored
    for (const int mirrored : {0, 1}) {
      double score[2] = {bias[0], bias[1]};
      for (Index row = 0; row < h; ++row)
        for (Index column = 0; column < w; ++column) {
          const Index from = mirrored ? w - 1 - column : column;
          for (Index k = 0; k < 2; ++k)
            score[k] += x[(i * h + row) * w + from] * weight[2 * (row * w + column) + k];
        }
      probability[mirrored] = 1 / (1 + std::exp(score[0] - score[1]));
    }
    const double both = (probability[0] + probability[1]) / 2;
    mean.push_back(1 - both);
    mean.push_back(both);
    apart = std::max(apart, std::abs(probability[0] - probability[1]));
  }
  CHECK(apart > 0.01);
  check_near(exp_of(tta(learn, {nullptr, Augment().horizontal_flip(1)}).scores), mean);
}

TEST_CASE("tta: the next fit is the one that it would have been, and random views differ") {
  std::string results[2];
  for (const bool judged : {false, true}) {
    set_seed(4);
    Points data(12, 8, 4, /*shuffle=*/true);
    nn::Sequential model(nn::make<nn::Linear>(3, 8), nn::make<nn::Dropout>(0.5),
                         nn::make<nn::Linear>(8, 2));
    TrainLearner learn(model, data.dls, nn::CrossEntropyLoss(), {.lr = 0.5});
    learn.fit(1);
    std::vector<double> factors;
    const View noisy = [&](Batch batch) {
      factors.push_back(double{default_random().uniform(Shape{1})[0]});
      batch.xs[0] = batch.xs[0] * static_cast<Scalar>(factors.back());
      return batch;
    };
    if (judged) {
      tta(learn, {nullptr, noisy, noisy});
      CHECK(std::set(factors.begin(), factors.end()).size() == 4);  // two views, two batches each
      const View fails = [](Batch) -> Batch {
        default_random().bits();
        throw std::runtime_error("!");
      };
      CHECK_THROWS_WITH(tta(learn, {noisy, fails}), "!");
    }
    learn.fit(1);
    results[judged] = bits(model);
  }
  CHECK((results[0] == results[1]));
}

TEST_CASE("average: mistakes that all are sure of have a small probability, and not none") {
  // e^-200 is no float. The mean of e^-200 and e^-210 is e^-200 (1 + e^-10) / 2.
  const auto sure = [](Scalar score) {
    return Predictions{Array(Shape{1, 2}, {Scalar{0}, score}), IntArray(Shape{1}, 1)};
  };
  const Array same = average({sure(-200), sure(-200), sure(-200)}).scores;
  CHECK(std::abs(same[1] + 200) <= 1e-4);
  CHECK(same[0] == 0);
  const Array other = average({sure(-200), sure(-210)}).scores;
  CHECK(std::abs(other[1] - (-200 + std::log((1 + std::exp(-10.0)) / 2))) <= 1e-4);
  // One who doubts makes the mean: (e^-200 + 1/2) / 2.
  CHECK(std::abs(average({sure(-200), sure(0)}).scores[1] - std::log(0.25)) <= 1e-6);
  const Scalar infinity = std::numeric_limits<Scalar>::infinity();
  CHECK(average({sure(-infinity), sure(-infinity)}).scores[1] == -infinity);
}

TEST_CASE("capture_preds: a step that was half taken can be finished behind it") {
  std::string results[2];
  for (const bool judged : {false, true}) {
    set_seed(4);
    Fitted fit;
    fit.learn.fit(1);
    const Batch batch = fit.data.train.batch(std::vector<Index>{0, 1, 2});
    fit.learn.loss_func(fit.model(batch.xs), batch).backward();
    if (judged) {
      capture_preds(fit.learn);
      tta(fit.learn, {nullptr, kTwice});
      const View fails = [](Batch) -> Batch { throw std::runtime_error("!"); };
      CHECK_THROWS_WITH(capture_preds(fit.learn, fails), "!");
    }
    for (const Tensor& parameter : fit.model.parameters()) CHECK(parameter.grad().defined());
    fit.learn.opt->step();
    results[judged] = bits(fit.model);
  }
  CHECK((results[0] == results[1]));
}

TEST_CASE("capture_preds: the learner says the same of its latest fit as before") {
  Fitted fit;
  fit.learn.fit(3, {.valid = false});
  const Tensor preds = fit.learn.preds, loss = fit.learn.loss;
  const Tensor x = fit.learn.batch.xs[0];
  capture_preds(fit.learn, kTwice);
  CHECK(fit.learn.n_epochs == 3);
  CHECK(fit.learn.epoch == 3);
  CHECK(fit.learn.iter == 3);  // batches in a pass
  CHECK(fit.learn.training);
  CHECK(fit.learn.trains);
  CHECK_FALSE(fit.learn.validates);
  CHECK(fit.learn.dl == &fit.learn.dls.train);
  CHECK(bits(fit.learn.preds.value()) == bits(preds.value()));
  CHECK(bits(fit.learn.loss.value()) == bits(loss.value()));
  CHECK(bits(fit.learn.batch.xs[0].value()) == bits(x.value()));
  CHECK(fit.learn.metrics == nullptr);
}

TEST_CASE("average: an ensemble of models, and what cannot be averaged") {
  Fitted a, b;
  const auto one = by_hand(a.model, a.x, 1, true), other = by_hand(b.model, b.x, 1, true);
  std::vector<double> mean;
  for (std::size_t i = 0; i < one.size(); ++i) mean.push_back((one[i] + other[i]) / 2);
  const Predictions first = capture_preds(a.learn);
  const Predictions both = average({first, capture_preds(b.learn)});
  check_near(exp_of(both.scores), mean);
  check_near(exp_of(average({both, both}).scores), mean);  // an average can be averaged
  CHECK(message_of([] { average({}); }) == "[average] no predictions to average");
  CHECK(message_of([&] { tta(a.learn, {}); }) == "[average] no predictions to average");
  Predictions wrong = capture_preds(b.learn);
  wrong.labels.data()[3] ^= 1;
  CHECK(message_of([&] {
          average({first, wrong});
        }) == "[average] predictions 1 are of other rows than the first");
  wrong = first;
  wrong.scores = Array(Shape{first.scores.dim(0), 1}, 0);
  CHECK(contains(message_of([&] { average({first, wrong}); }), "[average] predictions 1 ("));
  wrong.labels = IntArray(Shape{3}, 0);
  CHECK_THROWS_AS(average({first, wrong}), Error);
}

TEST_CASE("capture_preds: gives the learner back when it fails") {
  Fitted fit;
  fit.learn.fit(1);
  const nn::Optimizer* opt = fit.learn.opt.get();
  const View fails = [](Batch) -> Batch { throw std::runtime_error("!"); };
  CHECK_THROWS_WITH_AS(capture_preds(fit.learn, fails), "!", std::runtime_error);
  CHECK(fit.learn.opt.get() == opt);
  CHECK(fit.learn.callbacks().empty());
  Points none(12, 0, 4);
  TrainLearner empty(fit.model, none.dls, nn::CrossEntropyLoss());
  CHECK(message_of([&] { capture_preds(empty); }) == "[capture_preds] there is no validation data");
}

TEST_CASE("capture_preds: of values to regress, what the model says and no labels") {
  Random random(1);
  const TensorDataset data(random.normal({7, 3}), random.normal({7, 1}));
  nn::Linear model(3, 1);
  TrainLearner learn(model, {DataLoader(data, 4), DataLoader(data, 4)}, nn::MSELoss());
  const Predictions found = capture_preds(learn);
  CHECK(bits(found.scores) == bits(model(Tensor(data.xs()[0])).value()));
  CHECK_FALSE(found.labels.defined());
  CHECK(message_of([&] { found.accuracy(); }) == "[predictions] no labels to compare with");
  CHECK(message_of([&] {
          average({found, found});
        }) == "[average] predictions without labels: classes expected");
}

TEST_CASE("capture_preds: all rows, or none") {
  Fitted fit;  // two batches
  OnEvent cancels([](const std::string& event, Learner& l) {
    if (event == "after_predict" && l.iter == 1) throw CancelBatch();
  });
  fit.learn.add(cancels);
  CHECK(message_of([&] { capture_preds(fit.learn); }) ==
        "[capture_preds] a callback cancelled 1 of 2 batches");
}
