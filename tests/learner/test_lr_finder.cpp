// The search for a learning rate: which rates it tries, when it stops, and that it leaves no trace.

#include "learner/callbacks/lr_finder.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "engine/error.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/loss.h"
#include "engine/ops/reduce.h"
#include "engine/random.h"
#include "learner/callbacks/terminate_on_nan.h"
#include "nn/layers.h"
#include "nn/loss.h"
#include "nn/models.h"
#include "tests/learner/fits.h"
#include "tests/plot/picture.h"
#include "tests/support/png_decoder.h"

using namespace kindling;
using namespace kindling::test;

namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();

/// A loss that reads its values from a list, whatever the model says; the last one repeats.
LossFunction scripted(std::vector<double> values) {
  return [values = std::move(values), next = std::size_t{0}](const Tensor& scores,
                                                             const IntArray&) mutable {
    const double value = values[std::min(next++, values.size() - 1)];
    return sum(scores) * Scalar(0) + Scalar(value);
  };
}

LRFindResult find(std::vector<double> losses, LRFindOptions options = {}) {
  Points data(12, 8, 4);
  nn::Linear model(3, 2);
  TrainLearner learn(model, data.dls, scripted(std::move(losses)));
  return lr_find(learn, options);
}

/// A model with a buffer and its parts, all that lr_find() has to give back.
struct Searched : nn::Module {
  nn::Linear& fc = child<nn::Linear>("fc", 3, 2);
  Tensor calls = buffer("calls", Array(Shape{1}, 0));
  std::string type() const override { return "Searched"; }

 protected:
  Tensor forward(const Tensor& x) override {
    calls.mutable_value().data()[0] += 1;
    return fc(x);
  }
};

}  // namespace

TEST_CASE("lr_find: every batch multiplies the rate by gamma, exactly") {
  for (const double gamma : {1.3, 1.5}) {
    const LRFindResult found =
        find({1}, {.start_lr = 1e-4, .gamma = gamma, .max_multiple = 3, .max_epochs = 4});
    REQUIRE(found.lrs.size() == 12);  // 4 epochs of 3 batches, no validation
    REQUIRE(found.losses.size() == 12);
    double lr = 1e-4;
    for (const double tried : found.lrs) {
      CHECK(tried == lr);
      lr *= gamma;
    }
    CHECK(found.losses == std::vector<double>(12, 1));
    CHECK(!found.suggestion);
  }
  CHECK(find({1}).lrs.size() == 30);
  CHECK(find({1}).lrs.front() == 1e-5);
}

TEST_CASE("lr_find: the model trains at the rate that is written down") {
  Points data(12, 8, 4);
  nn::Linear model(3, 2);
  TrainLearner learn(model, data.dls, nn::CrossEntropyLoss{});
  std::vector<double> used, losses;
  OnEvent watcher([&](const std::string& event, Learner& l) {
    if (event == "after_step") used.push_back(l.opt->lr());
    if (event == "after_loss") losses.push_back(l.loss.item());
  });
  learn.add(watcher);
  const LRFindResult found = lr_find(learn, {.start_lr = 1e-3, .max_epochs = 2});
  CHECK(found.lrs == used);
  CHECK(found.losses == losses);
}

TEST_CASE("lr_find: stops at a loss that is no number, or too far above the lowest") {
  CHECK(find({5, 4, kNaN, 1}).losses.size() == 3);
  CHECK(find({5, 4, kInf, 1}).losses.size() == 3);
  CHECK(find({kNaN, 1}).losses.size() == 1);
  CHECK(find({kInf, 1}).losses.size() == 1);
  // 3 times the lowest is still allowed, more is not.
  CHECK(find({8, 2, 6, 6.5, 1}).losses == std::vector<double>{8, 2, 6, 6.5});
  CHECK(find({8, 2, 4, 4.5, 1}, {.max_multiple = 2}).losses == std::vector<double>{8, 2, 4, 4.5});
  // The first loss is no measure when a lower one has come.
  CHECK(find({1, 0.25, 0.875, 0.2}).losses == std::vector<double>{1, 0.25, 0.875});
}

TEST_CASE("lr_find: a loss that is no number ends it before a guard against such losses throws") {
  Points data(12, 8, 4);
  nn::Linear model(3, 2);
  TerminateOnNaN guard;
  TrainLearner learn(model, data.dls, scripted({5, 4, kNaN, 1}), {.cbs = {&guard}});
  CHECK(lr_find(learn).losses.size() == 3);
}

TEST_CASE("lr_find: gives everything back as it was, also when somebody throws") {
  for (const int when : {-1, 0, 4}) {  // never, at once, in the middle
    CAPTURE(when);
    set_seed(11);
    Points data(12, 8, 4, true);
    Searched model;
    TrainLearner learn(
        model, data.dls, nn::CrossEntropyLoss{},
        {.lr = 0.2, .opt_func = optimizer<nn::SGD>(nn::SGDOptions{.momentum = 0.9})});
    learn.fit(1);
    model.fc.weight.set_grad(Array(Shape{3, 2}, 7));
    model.eval();
    int batches = 0;
    OnEvent breaks([&](const std::string& event, Learner&) {
      if (event == "after_step" && batches++ == when) throw std::runtime_error("!");
    });
    learn.add(breaks);

    const std::string weights = bits(model), calls = bits(model.calls.value());
    const nn::Optimizer* opt = learn.opt.get();
    const Random::State random = default_random().state();
    if (when < 0)
      CHECK(lr_find(learn, {.start_lr = 1e-2}).losses.size() > 3);
    else
      CHECK_THROWS_WITH_AS(lr_find(learn, {.start_lr = 1e-2}), "!", std::runtime_error);
    CHECK(batches > when);
    CHECK((bits(model) == weights));
    CHECK((bits(model.calls.value()) == calls));
    REQUIRE(model.fc.weight.grad().defined());
    for (const Scalar value : model.fc.weight.grad().values()) CHECK(value == 7);
    CHECK(!model.fc.bias.grad().defined());
    CHECK(learn.opt.get() == opt);
    CHECK(learn.opt->lr() == 0.2);
    CHECK(learn.lr == 0.2);
    CHECK(!model.training());
    CHECK((default_random().state() == random));
    CHECK(learn.callbacks() == std::vector<Callback*>{&breaks});
  }
}

TEST_CASE("lr_find: a fit behind it is the same as without it, bit for bit") {
  std::string without, with;
  for (std::string* weights : {&without, &with}) {
    set_seed(5);
    Points data(12, 8, 4, true);
    const auto model = nn::mlp(3, 4, 2);
    TrainLearner learn(*model, data.dls, nn::CrossEntropyLoss{}, {.lr = 0.3});
    if (weights == &with) CHECK(lr_find(learn).lrs.size() == 30);
    learn.fit(2);
    *weights = bits(*model);
  }
  CHECK((with == without));
}

TEST_CASE("lr_find: parts of the model that had a mode of their own have it back") {
  Points data(12, 8, 4);
  const auto model = nn::mlp(3, 4, 2);
  TrainLearner learn(*model, data.dls, nn::CrossEntropyLoss{});
  (*model)[1].eval();
  lr_find(learn, {.max_epochs = 1});
  CHECK(model->training());
  CHECK((*model)[3].training());
  CHECK(!(*model)[1].training());
}

TEST_CASE("lr_find: options that make no sense are an error") {
  Points data;
  nn::Linear model(3, 2);
  TrainLearner learn(model, data.dls, nn::CrossEntropyLoss{});
  for (const LRFindOptions& bad : {LRFindOptions{.start_lr = 0},
                                   {.start_lr = -1},
                                   {.start_lr = kNaN},
                                   {.start_lr = kInf},
                                   {.gamma = 1},
                                   {.gamma = 0.5},
                                   {.gamma = kNaN},
                                   {.max_multiple = 1},
                                   {.max_multiple = kNaN},
                                   {.max_epochs = -1}})
    CHECK_THROWS_AS(lr_find(learn, bad), Error);
  CHECK(learn.callbacks().empty());
  CHECK(learn.opt == nullptr);
  CHECK_THROWS_WITH_AS(LRFinderCB({.gamma = 1}),
                       "[lr_find] start_lr 1e-05, gamma 1, max_multiple 3: start_lr > 0, gamma > 1 "
                       "and max_multiple > 1 expected",
                       Error);
  CHECK(lr_find(learn, {.max_epochs = 0}).lrs.empty());
}

TEST_CASE("suggest_lr: the steepest place of a curve that is known") {
  // A fall like a logistic curve of log lr, steepest at `steepest`, and a rise far behind it.
  for (const double steepest : {1e-3, 3e-3, 0.1}) {
    std::vector<double> lrs, losses;
    for (double lr = 1e-5; lr < 20; lr *= 1.3) {
      lrs.push_back(lr);
      const double x = std::log(lr / steepest);
      losses.push_back(2.3 - 1.5 / (1 + std::exp(-2 * x)) + (lr > 5 ? lr / 5 : 0));
    }
    const auto found = suggest_lr(lrs, losses);
    REQUIRE(found.has_value());
    CHECK(std::abs(std::log(*found / steepest)) <= std::log(1.3));
    CHECK(std::find(lrs.begin(), lrs.end(), *found) != lrs.end());

    // What comes after the end of the training is no part of the curve.
    losses.back() = kNaN;
    CHECK(suggest_lr(lrs, losses) == found);
  }
}

TEST_CASE("suggest_lr: the fall counts up to the minimum only, and one jump does not rule") {
  std::vector<double> lrs, losses;
  for (int i = 0; i < 60; ++i) {
    lrs.push_back(1e-5 * std::pow(1.3, i));
    losses.push_back(i < 40 ? 3 - 0.05 * i : 1 + 0.3 * (i - 39));
  }
  const auto found = suggest_lr(lrs, losses);
  REQUIRE(found.has_value());
  CHECK(*found < lrs[39]);
  CHECK(*found > lrs[0]);
  // A cliff behind the minimum, down to a place that is still higher.
  losses[58] = 9;
  losses[59] = 2;
  CHECK(suggest_lr(lrs, losses) == found);
}

TEST_CASE("suggest_lr: a rate that was tried several times, as batches were skipped, is no cliff") {
  std::vector<double> lrs, losses;
  for (int i = 0; i < 40; ++i) {
    lrs.push_back(1e-5 * std::pow(1.3, i < 5 ? 0 : i - 5));
    losses.push_back(i < 30 ? 3 - 0.01 * i - (i > 20 ? 0.1 * (i - 20) : 0) : 2 + 0.3 * (i - 29));
  }
  const auto found = suggest_lr(lrs, losses);
  REQUIRE(found.has_value());
  CHECK(*found >= lrs[19]);
}

TEST_CASE("suggest_lr: none when the loss never falls, or there is too little to see") {
  const auto none = [](const std::vector<double>& losses) {
    std::vector<double> lrs;
    for (std::size_t i = 0; i < losses.size(); ++i)
      lrs.push_back(1e-5 * std::pow(1.3, static_cast<double>(i)));
    return !suggest_lr(lrs, losses).has_value();
  };
  CHECK(none({1, 2, 3, 4, 5, 6, 7, 8, 9, 10}));
  CHECK(none(std::vector<double>(20, 2.3)));
  for (const auto& few : std::vector<std::vector<double>>{{}, {1}, {2, 1}, {kNaN}, {kNaN, 2, 1}})
    CHECK(none(few));
  CHECK(none({kNaN, 5, 4, 3, 2, 1, 0.5, 0.4}));
  CHECK(!none({9, 8, 7, 6, 5, 4, 3, 2, 1, kNaN}));
}

TEST_CASE("lr_find: the plot is a PNG that another decoder can read") {
  const plot::testing::TemporaryFolder folder;
  std::vector<double> losses;
  for (int i = 0; i < 24; ++i) losses.push_back(2.3 - 1.5 / (1 + std::exp(10.0 - i)));
  losses.push_back(kNaN);
  const LRFindResult found = find(losses);
  REQUIRE(found.suggestion.has_value());
  found.plot(folder.file("lr_find.png"));
  CHECK(folder.entries() == 1);
  const std::string bytes = plot::testing::file_bytes(folder.file("lr_find.png"));
  int width = 0, height = 0, channels = 0;
  stbi_uc* pixels =
      stbi_load_from_memory(reinterpret_cast<const stbi_uc*>(bytes.data()),
                            static_cast<int>(bytes.size()), &width, &height, &channels, 3);
  REQUIRE(pixels != nullptr);
  CHECK(width > 400);
  CHECK(height > 200);
  const auto [darkest, lightest] = std::minmax_element(pixels, pixels + width * height * 3);
  CHECK(*darkest < 100);
  CHECK(*lightest > 240);
  stbi_image_free(pixels);
  CHECK_THROWS_AS(found.plot(folder.file("no/lr_find.png")), std::runtime_error);
}
