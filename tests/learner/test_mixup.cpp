// Mixtures of images: what the model sees, and what the loss is made of.

#include <doctest/doctest.h>

#include <cmath>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "data/synthetic.h"
#include "engine/ops/elementwise.h"
#include "learner/callbacks/batch_transform.h"
#include "learner/callbacks/lr_finder.h"
#include "learner/callbacks/mixup.h"
#include "nn/layers.h"
#include "nn/loss.h"
#include "tests/learner/fits.h"
#include "tests/learner/mixtures.h"
#include "tests/support/errors.h"

using namespace kindling;
using namespace kindling::test;

TEST_CASE("MixupCB: each image is a mixture of two, and so is the loss") {
  MixupCB mix(1);
  std::set<double> shares;
  for (const Seen& seen : seen_by(mix)) {
    if (!seen.training) {
      for (Index i = 0; i < 8; ++i) CHECK(seen.x[48 * i + 5] == i);
      continue;
    }
    CHECK(seen.share >= 0.5);
    CHECK(seen.share <= 1);
    shares.insert(seen.share);
    const Index first = seen.labels[0] == 0 ? 0 : 8;  // 8 % 3 is 2
    std::vector<Origin> origins;
    std::set<Index> others;
    for (Index i = 0; i < 8; ++i) {
      const double pixel = seen.x[48 * i];
      for (Index k = 0; k < 48; ++k) CHECK(seen.x[48 * i + k] == seen.x[48 * i]);
      const double other = (pixel - seen.share * double(first + i)) / (1 - seen.share);
      origins.push_back({seen.share, std::lround(other)});
      CHECK(std::abs(other - std::round(other)) < 1e-3);
      others.insert(origins.back().other);
    }
    CHECK(others.size() == 8);  // every image is somebody's other
    CHECK(*others.begin() == first);
    CHECK(seen.loss == doctest::Approx(expected_loss(seen, origins)).epsilon(1e-5));
  }
  CHECK(shares.size() == 4);
}

TEST_CASE("images are mixed as transforms have made them, in whatever order they were added") {
  for (const bool transform_first : {true, false}) {
    set_seed(1);
    const TensorDataset train = numbered(8);
    nn::Sequential model{nn::make<nn::Flatten>(), nn::make<nn::Linear>(48, 3)};
    MixupCB mix(1);
    BatchTransformCB square(
        [](Batch batch) {
          batch.xs[0] = Tensor((batch.xs[0] * batch.xs[0]).value());
          return batch;
        },
        true, false);
    int batches = 0;
    OnEvent watch(
        [&](const std::string& event, Learner& l) {
          if (event != "after_loss" || !l.training) return;
          ++batches;
          std::set<Index> others;
          for (Index i = 0; i < 8; ++i) {
            const double own = static_cast<double>(i * i);
            const double other =
                (l.batch.xs[0].value()[48 * i] - mix.share() * own) / (1 - mix.share());
            others.insert(std::lround(std::sqrt(std::abs(other))));
            CHECK(std::abs(other - std::pow(std::round(std::sqrt(std::abs(other))), 2)) < 1e-2);
          }
          CHECK(others.size() == 8);  // 0 to 7, squared
        },
        100);
    TrainLearner learn(model, {DataLoader(train, 8), DataLoader(train, 8)}, nn::CrossEntropyLoss(),
                       {.lr = 1e-4, .cbs = {&watch}});
    if (transform_first) learn.add(square);
    learn.add(mix);
    if (!transform_first) learn.add(square);
    learn.fit(2);
    CHECK(batches == 2);
  }
}

TEST_CASE(
    "mixtures: lr_find goes by the loss that is trained on, and the learner's own comes back") {
  set_seed(1);
  const TensorDataset train = numbered(16), valid = numbered(8);
  nn::Sequential model{nn::make<nn::Flatten>(), nn::make<nn::Linear>(48, 3)};
  MixupCB mix(8);  // shares near a half
  TrainLearner learn(model, {DataLoader(train, 8), DataLoader(valid, 8)}, nn::CrossEntropyLoss(),
                     {.cbs = {&mix}});
  double first = 0;
  OnEvent early(
      [&](const std::string& event, Learner& l) {
        if (event == "after_loss" && first == 0) first = l.loss.item();
      },
      -100);
  OnEvent late(
      [&](const std::string& event, Learner& l) {
        if (event == "after_loss" && l.iter == 0 && l.epoch == 0) CHECK(l.loss.item() == first);
      },
      100);
  learn.add(early);
  learn.add(late);
  CHECK(lr_find(learn, {.max_epochs = 1}).losses[0] == first);
  const Batch batch = train.batch(std::vector<Index>{0, 1, 2});
  const Tensor preds = model(batch.xs);
  CHECK(learn.loss_func(preds, batch).item() ==
        nn::CrossEntropyLoss()(preds, batch.labels()).item());
}

TEST_CASE("shares are Beta(alpha, alpha)'s: those of mixup near 1, or anywhere") {
  // The mean of the larger part: for alpha = 1 that of max(u, 1 - u), 3/4.
  for (const auto& [alpha, mean] : {std::pair{1.0, 0.75}, {8.0, 0.5964}, {0.1, 0.9388}}) {
    MixupCB mix(alpha);
    CHECK(std::abs(mean_share(mix) - mean) < 0.03);
  }
}

TEST_CASE("mixtures: bad settings, bad inputs, and a batch that fails leaves no other labels") {
  CHECK_THROWS_AS(MixupCB(0), Error);
  CHECK_THROWS_AS(MixupCB(1e-13), Error);
  CHECK_THROWS_AS(CutMixCB(-1), Error);
  CHECK_THROWS_AS(MixupCB(9), Error);
  Points data;
  nn::Linear model(3, 2);
  MixupCB mix;
  TrainLearner learn(model, data.dls, nn::CrossEntropyLoss(), {.cbs = {&mix}});
  CHECK(contains(message_of([&] { learn.fit(1); }), "[mixup] x (4,3): images (N,H,W,C) expected"));

  const ImageDataset images = synthetic_images(8, 2, 1, {.height = 4, .width = 4});
  nn::Sequential other{nn::make<nn::Flatten>(), nn::make<nn::Linear>(16, 2)};
  int batches = 0;
  OnEvent breaks([&](const std::string& event, Learner&) {
    if (event == "after_predict" && ++batches == 1) throw CancelFit();
  });
  TrainLearner again(other, make_data_loaders(images, images, 4), nn::CrossEntropyLoss(),
                     {.cbs = {&mix, &breaks}});
  again.fit(1);
  CHECK(batches == 1);
  CutMixCB both;
  again.add(both);
  CHECK(contains(message_of([&] { again.fit(1); }), "mixes images already"));
  again.remove(both);
  struct Halved : Dataset {
    const ImageDataset& all;
    explicit Halved(const ImageDataset& images) : all(images) {}
    Index size() const override { return all.size(); }
    Batch batch(std::span<const Index> rows) const override {
      Batch whole = all.batch(rows);
      whole.y = whole.labels().rows(0, 1);
      return whole;
    }
  } halved(images);
  TrainLearner lacking(other, make_data_loaders(halved, images, 4), nn::CrossEntropyLoss(),
                       {.cbs = {&mix}});
  CHECK(contains(message_of([&] { lacking.fit(1); }), "[mixup] x (4,4,4,1): labels (1)"));
  again.fit(1, {.train = false});  // a mixed loss here would be of rows that there are not
  CHECK(batches == 2);
}

TEST_CASE("MixCB: a loss that does not mix the labels is refused") {
  struct OwnLoss : TrainLearner {
    using TrainLearner::TrainLearner;
    void get_loss() override { loss = cross_entropy(preds, batch.labels()); }
  };
  const ImageDataset images = synthetic_images(12, 3, 1, {.height = 4, .width = 4});
  nn::Sequential model{nn::make<nn::Flatten>(), nn::make<nn::Linear>(16, 3)};
  MixupCB mixup;
  OwnLoss learn(model, make_data_loaders(images, images, 4), nn::CrossEntropyLoss(),
                {.cbs = {&mixup}});
  CHECK(message_of([&] { learn.fit(1); }) ==
        "[mixup] the loss was not computed by loss_func, which mixes labels");
  learn.fit(1, {.train = false});  // nothing is mixed there
}
