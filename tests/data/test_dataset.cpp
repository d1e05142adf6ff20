#include "data/dataset.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <numeric>
#include <string>
#include <type_traits>
#include <vector>

#include "data/synthetic.h"
#include "engine/error.h"
#include "engine/parallel.h"
#include "engine/random.h"
#include "tests/data/idx_files.h"

using namespace kindling;
using namespace kindling::testing;

namespace {

const std::vector<std::string> kThree{"ant", "bee", "cat"};

ByteArray random_images(const Shape& shape, std::uint64_t seed) {
  const Array numbers = Random(seed).uniform(shape, 0, 256);
  ByteArray images(shape);
  for (Index i = 0; i < shape.size(); ++i) images.data()[i] = static_cast<std::uint8_t>(numbers[i]);
  return images;
}

IntArray labels_mod(Index n, int classes) {
  IntArray labels(Shape{n});
  for (Index i = 0; i < n; ++i) labels.data()[i] = static_cast<std::int32_t>(i % classes);
  return labels;
}

/// One pixel after another, in the words of the formula.
Array naive_gather(const ImageDataset& set, const std::vector<Index>& rows) {
  Array out(set.images().shape().with(0, static_cast<Index>(rows.size())));
  const Index pixels = set.images().size() / set.size();
  Index at = 0;
  for (Index row : rows)
    for (Index i = 0; i < pixels; ++i) {
      const Scalar x = static_cast<Scalar>(set.images()[row * pixels + i]) / 255;
      out.data()[at++] = (x - set.normalize().mean) / set.normalize().std;
    }
  return out;
}

bool same_bits(const Array& a, const Array& b) {
  return a.shape() == b.shape() && std::memcmp(a.data(), b.data(), a.size() * sizeof(Scalar)) == 0;
}

struct ThreadsGuard {
  int before = max_threads();
  ~ThreadsGuard() { set_threads(before); }
};

}  // namespace

TEST_CASE("ImageDataset: a batch is the naive loop, bit for bit, for any number of threads") {
  const ThreadsGuard guard;
  for (const Shape& shape : {Shape{600, 28, 28}, Shape{300, 9, 7, 3}, Shape{2000, 1, 1}}) {
    const ImageDataset set(random_images(shape, 1), labels_mod(shape[0], 3), kThree,
                           {Scalar(.286), Scalar(.353)});
    std::vector<Index> rows = Random(2).permutation(shape[0]);
    rows.push_back(rows.front());  // the same row twice is fine
    const Array expected = naive_gather(set, rows);
    for (const int threads : {1, 2, 4}) {
      set_threads(threads);
      const Batch batch = set.batch(rows);
      CHECK(batch.xs.size() == 1);
      CHECK(batch.size() == static_cast<Index>(rows.size()));
      CHECK(same_bits(batch.xs[0].value(), expected));
      for (std::size_t i = 0; i < rows.size(); ++i)
        REQUIRE(batch.labels()[static_cast<Index>(i)] == rows[i] % 3);
    }
  }
}

TEST_CASE("ImageDataset: grey images get an axis of one channel, pixels go to [0, 1]") {
  const ImageDataset set(ByteArray(Shape{2, 1, 2}, {0, 255, 51, 102}), IntArray(Shape{2}, {2, 0}),
                         kThree);
  CHECK(set.images().shape() == Shape{2, 1, 2, 1});
  CHECK(set.size() == 2);
  const Index rows[] = {1, 0};
  const Batch batch = set.batch(rows);
  CHECK(batch.xs[0].shape() == Shape{2, 1, 2, 1});
  const auto x = batch.xs[0].value().values();
  CHECK(std::vector(x.begin(), x.end()) ==
        std::vector<Scalar>{Scalar(51) / 255, Scalar(102) / 255, 0, 1});
  CHECK(batch.labels()[0] == 0);
  CHECK(batch.labels()[1] == 2);
  CHECK(!batch.xs[0].requires_grad());
}

TEST_CASE("ImageDataset: no rows, no images") {
  const ImageDataset set(random_images(Shape{3, 2, 2}, 1), labels_mod(3, 3), kThree);
  CHECK(set.batch({}).size() == 0);
  CHECK(set.batch({}).xs[0].shape() == Shape{0, 2, 2, 1});
  const ImageDataset none(ByteArray(Shape{0, 28, 28}), IntArray(Shape{0}), kThree);
  CHECK(none.size() == 0);
  CHECK(none.batch({}).xs[0].shape() == Shape{0, 28, 28, 1});
}

TEST_CASE("ImageDataset: what does not fit is rejected") {
  const ByteArray images = random_images(Shape{4, 2, 2}, 1);
  const auto shape_error = [&](const ByteArray& x, const IntArray& y) {
    return message_of<ShapeError>([&] { ImageDataset(x, y, kThree); });
  };
  CHECK(contains(shape_error(images, labels_mod(3, 3)), "image and label counts differ: 4 and 3"));
  CHECK(contains(shape_error(ByteArray(Shape{4, 4}), labels_mod(4, 3)), "(N,H,W)"));
  CHECK(contains(shape_error(ByteArray(), labels_mod(4, 3)), "(N,H,W)"));
  CHECK(contains(shape_error(images, IntArray(Shape{4, 1}, 0)), "labels (4,1)"));
  CHECK(contains(shape_error(images, IntArray()), "labels ()"));

  const auto error = [&](const IntArray& y, Normalize normalize) {
    return message_of<Error>([&] { ImageDataset(images, y, kThree, normalize); });
  };
  CHECK(contains(error(IntArray(Shape{4}, {0, 1, 3, 2}), {}), "label 3 in row 2 is outside [0,3)"));
  CHECK(contains(error(IntArray(Shape{4}, {0, -1, 2, 2}), {}), "label -1 in row 1"));
  constexpr Scalar kInfinity = std::numeric_limits<Scalar>::infinity();
  const Normalize bad[] = {{0, 0}, {0, -1}, {kInfinity, 1}, {0, kInfinity}, {0, NAN}, {NAN, 1}};
  for (const Normalize& normalize : bad)
    CHECK(contains(error(labels_mod(4, 3), normalize), "cannot normalize"));
}

TEST_CASE("datasets: a row that is not there is a ShapeError") {
  const ImageDataset images(random_images(Shape{4, 2, 2}, 1), labels_mod(4, 3), kThree);
  const TensorDataset tensors(Array(Shape{4, 2}, 1), labels_mod(4, 3));
  const Subset subset(images, {3, 0});
  for (const Dataset* set :
       {static_cast<const Dataset*>(&images), static_cast<const Dataset*>(&tensors),
        static_cast<const Dataset*>(&subset)}) {
    for (const Index row : {Index{-1}, set->size(), Index{1} << 40}) {
      const std::vector<Index> rows{0, row};
      const std::string message = message_of<ShapeError>([&] { set->batch(rows); });
      CHECK(contains(message, str("there is no row ", row, " among ", set->size())));
    }
  }
  CHECK_THROWS_AS(Subset(images, {4}), ShapeError);
  CHECK_THROWS_AS(Subset(images, {-1}), ShapeError);
}

TEST_CASE("TensorDataset: several inputs, and labels or values") {
  Array a(Shape{3, 2}), b(Shape{3});
  std::iota(a.data(), a.data() + 6, Scalar(0));
  std::iota(b.data(), b.data() + 3, Scalar(10));
  const std::vector<Index> rows{2, 0};

  const TensorDataset labelled({a, b}, IntArray(Shape{3}, {7, 8, 9}));
  const Batch batch = labelled.batch(rows);
  REQUIRE(batch.xs.size() == 2);
  CHECK(same_bits(batch.xs[0].value(), Array(Shape{2, 2}, {4, 5, 0, 1})));
  CHECK(same_bits(batch.xs[1].value(), Array(Shape{2}, {12, 10})));
  CHECK(batch.labels()[0] == 9);
  CHECK(contains(message_of<Error>([&] { (void)batch.values(); }), "values expected"));

  const TensorDataset valued(a, b);
  const Batch regression = valued.batch(rows);
  CHECK(regression.size() == 2);
  CHECK(same_bits(labelled.xs()[1], b));
  CHECK(std::get<IntArray>(labelled.y())[2] == 9);
  CHECK(same_bits(std::get<Array>(valued.y()), b));
  CHECK(same_bits(regression.values().value(), Array(Shape{2}, {12, 10})));
  CHECK(contains(message_of<Error>([&] { (void)regression.labels(); }), "class labels expected"));
  CHECK_THROWS_AS((void)Batch{}.size(), Error);
}

TEST_CASE("TensorDataset: row counts must agree") {
  const Array three(Shape{3, 2}, 0), four(Shape{4}, 0);
  CHECK_THROWS_AS(TensorDataset(std::vector<Array>{}, four), Error);
  CHECK_THROWS_AS(TensorDataset(three, four), ShapeError);
  CHECK_THROWS_AS(TensorDataset({three, four}, labels_mod(3, 2)), ShapeError);
  CHECK_THROWS_AS(TensorDataset(Array::scalar(1), four), ShapeError);
  CHECK_THROWS_AS(TensorDataset(four, Array()), ShapeError);
}

TEST_CASE("Subset: renumbers the rows it was given") {
  const ImageDataset set(random_images(Shape{9, 2, 2}, 1), labels_mod(9, 3), kThree);
  const Subset some(set, {8, 3, 4});
  const Subset again(some, {2, 0});
  CHECK(some.size() == 3);
  CHECK(again.rows() == std::vector<Index>{2, 0});
  const std::vector<Index> rows{0, 1};
  CHECK(same_bits(again.batch(rows).xs[0].value(), naive_gather(set, {4, 8})));
  CHECK(first_rows(set, 4).size() == 4);
  CHECK(first_rows(set, 100).size() == 9);
  CHECK(first_rows(set, 0).size() == 0);
  CHECK_THROWS_AS(first_rows(set, -1), Error);
  const Subset first = first_rows(set, 2);
  CHECK(same_bits(first.batch(rows).xs[0].value(), naive_gather(set, {0, 1})));
  static_assert(!std::is_constructible_v<Subset, ImageDataset, std::vector<Index>>);
}

TEST_CASE("synthetic images: balanced, repeatable, and the same classes for every seed") {
  const ImageDataset a = synthetic_images(203, 4, 1), b = synthetic_images(203, 4, 1);
  const ImageDataset c = synthetic_images(203, 4, 2);
  CHECK(a.images().shape() == Shape{203, 28, 28, 1});
  CHECK(a.classes() == std::vector<std::string>{"0", "1", "2", "3"});
  CHECK(std::ranges::equal(a.images().values(), b.images().values()));
  CHECK(std::ranges::equal(a.labels().values(), b.labels().values()));
  CHECK(!std::ranges::equal(a.labels().values(), c.labels().values()));
  for (const int label : {0, 1, 2, 3})
    CHECK(std::ranges::count(a.labels().values(), label) == (label < 3 ? 51 : 50));

  // The mean image of each class in `a` tells the classes of `c`: nearest mean, by hand.
  std::vector<std::vector<double>> means(4, std::vector<double>(784));
  for (Index i = 0; i < 203; ++i)
    for (Index p = 0; p < 784; ++p) means[a.labels()[i]][p] += a.images()[i * 784 + p] / 51.0;
  int right = 0;
  for (Index i = 0; i < 203; ++i) {
    std::vector<double> distance(4);
    for (int label = 0; label < 4; ++label)
      for (Index p = 0; p < 784; ++p)
        distance[label] += std::pow(c.images()[i * 784 + p] - means[label][p], 2);
    right += std::ranges::min_element(distance) - distance.begin() == c.labels()[i];
  }
  CHECK(right > 195);
}

TEST_CASE("synthetic images: options, and what is rejected") {
  const ImageDataset set = synthetic_images(
      5, 2, 0, {.height = 8, .width = 6, .channels = 3, .noise = 0, .normalize = {1, 2}});
  CHECK(set.images().shape() == Shape{5, 8, 6, 3});
  CHECK(set.normalize().std == 2);
  CHECK(synthetic_images(0).size() == 0);
  CHECK_THROWS_AS(synthetic_images(-1), Error);
  CHECK_THROWS_AS(synthetic_images(5, 0), Error);
  CHECK_THROWS_AS(synthetic_images(5, 2, 0, {.height = 0}), Error);
  CHECK_THROWS_AS(synthetic_images(5, 2, 0, {.noise = -1}), Error);
}
