// What a report says of predictions and of the model.

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "data/synthetic.h"
#include "learner/callbacks/report_cb.h"
#include "learner/judged_images.h"
#include "nn/layers.h"
#include "nn/summary.h"
#include "tests/support/errors.h"

using namespace kindling;
using namespace kindling::test;

TEST_CASE("add_predictions: counts, and the images with the largest and smallest losses") {
  const ImageDataset images = synthetic_images(30, 3, 1, {.height = 4, .width = 5});
  const Index n = 20, first = 7;
  Predictions p{Array(Shape{n, 3}), IntArray(Shape{n}, 0)};
  std::vector<double> right(static_cast<std::size_t>(n));  // probability of the label
  std::vector<double> counts(9, 0);
  std::vector<std::size_t> guesses;
  for (Index i = 0; i < n; ++i) {
    p.labels.data()[i] = images.labels()[first + i];
    double sum = 0;
    Index guess = 0;
    for (Index c = 0; c < 3; ++c) {
      p.scores.data()[3 * i + c] = static_cast<Scalar>(std::sin(1.7 * i + 2.9 * c * c));
      sum += std::exp(double{p.scores[3 * i + c]});
      if (p.scores[3 * i + c] > p.scores[3 * i + guess]) guess = c;
    }
    right[static_cast<std::size_t>(i)] = std::exp(double{p.scores[3 * i + p.labels[i]]}) / sum;
    guesses.push_back(static_cast<std::size_t>(guess));
    ++counts[static_cast<std::size_t>(3 * p.labels[i] + guess)];
  }
  Report r;
  add_predictions(r, p, images, first, 5);
  CHECK(r.classes == images.classes());
  CHECK(r.confusion == counts);
  REQUIRE(r.worst.size() == 5);
  REQUIRE(r.best.size() == 5);
  std::vector<double> sorted = right;
  std::sort(sorted.begin(), sorted.end());
  for (std::size_t k = 0; k < 5; ++k)
    for (const bool worst : {true, false}) {
      const double at = worst ? sorted[k] : sorted[sorted.size() - 1 - k];
      const auto row = std::find(right.begin(), right.end(), at) - right.begin();
      const Report::Example& e = worst ? r.worst[k] : r.best[k];
      CHECK(e.truth == images.classes()[static_cast<std::size_t>(p.labels[row])]);
      CHECK(e.guess == images.classes()[guesses[static_cast<std::size_t>(row)]]);
      const auto pixels = images.images().rows(first + row, first + row + 1).values();
      CHECK(std::equal(pixels.begin(), pixels.end(), e.image.pixels.begin(), e.image.pixels.end()));
      CHECK(e.image.height == 4);
      CHECK(e.image.width == 5);
      if (e.truth == e.guess) CHECK(e.confidence == doctest::Approx(at).epsilon(1e-5));
    }
  CHECK_NOTHROW(report_json(r));

  p.scores.data()[3 * 4] = std::numeric_limits<Scalar>::quiet_NaN();
  add_predictions(r, p, images, first, 100);
  CHECK(r.worst.size() == 20);
  CHECK(std::isnan(r.worst[0].confidence));
  CHECK_THROWS_AS(add_predictions(r, p, images, 15), ShapeError);
  p.labels.data()[7] = (p.labels[7] + 1) % 3;
  CHECK(begins(message_of([&] { add_predictions(r, p, images, first, 5); }),
               str("[report] prediction 7 is not of image ", first + 7, ": labels ")));
}

TEST_CASE("judged_by_loss: what cannot be judged") {
  CHECK_THROWS_AS(judged_by_loss({Array(Shape{2, 3}, 0), IntArray(Shape{1}, 0)}), ShapeError);
  CHECK_THROWS_AS(judged_by_loss({Array(Shape{6}, 0), IntArray(Shape{6}, 0)}), ShapeError);
  for (const int label : {-1, 3})
    CHECK_THROWS_AS(judged_by_loss({Array(Shape{2, 3}, 0), IntArray(Shape{2}, label)}), Error);
  CHECK(judged_by_loss({Array(Shape{0, 3}), IntArray(Shape{0})}).empty());
}

TEST_CASE("add_summary: a row a layer, with the model's parameters") {
  nn::Sequential model{nn::make<nn::Linear>(3, 4), nn::make<nn::Linear>(4, 2)};
  Report r;
  add_summary(r, nn::summarize(model, Tensor(Array(Shape{6, 3}, 1)), 1));
  REQUIRE(r.layers.size() == 2);
  CHECK(r.layers[0].path == "0");
  CHECK(contains(r.layers[0].type, "Linear("));
  CHECK(r.layers[0].output == "(6,4)");
  CHECK(r.layers[0].parameters == 16);
  CHECK(r.layers[1].multiply_adds == 8);
  CHECK(r.layers[1].seconds >= 0);
}
