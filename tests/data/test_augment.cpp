// What augmentation does to an image, and that nothing but the seed decides it.

#include "data/augment.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <complex>
#include <limits>
#include <numbers>
#include <set>
#include <string>
#include <vector>

#include "data/synthetic.h"
#include "engine/error.h"
#include "engine/parallel.h"
#include "tests/data/numbered_images.h"
#include "tests/support/errors.h"

using namespace kindling;
using namespace kindling::test;

TEST_CASE("horizontal_flip mirrors some images and leaves the others") {
  Random random(1);
  Augment augment(random);
  augment.horizontal_flip();
  const Batch before = numbered(200, 2, 3, 2), after = augment(numbered(200, 2, 3, 2));
  int flipped = 0;
  for (Index i = 0; i < 200; ++i) {
    const auto x = image(before, i), y = image(after, i);
    const std::vector<Scalar> mirrored{x[4],  x[5],  x[2], x[3], x[0], x[1],
                                       x[10], x[11], x[8], x[9], x[6], x[7]};
    CHECK((y == x || y == mirrored));
    flipped += y == mirrored;
  }
  CHECK(std::abs(flipped - 100) < 6 * 7.1);  // six deviations
  for (const double p : {0.0, 1.0}) {
    Augment sure(random);
    sure.horizontal_flip(p);
    CHECK((image(sure(numbered(1, 1, 2)), 0) ==
           (p == 0 ? std::vector<Scalar>{1, 2} : std::vector<Scalar>{2, 1})));
  }
}

TEST_CASE("the batch that is given stays as it is, also a copy of it") {
  Random random(1);
  Augment flip(random);
  flip.horizontal_flip(1);
  const Batch batch = numbered(2, 2, 3);
  const auto before = image(batch, 0);
  const Batch flipped = flip(batch);
  CHECK(image(batch, 0) == before);
  CHECK(image(flipped, 0) != before);
  CHECK(image(flip(flipped), 0) == before);
}

TEST_CASE("random_crop moves the image by every distance up to the padding, and fills") {
  Random random(2);
  Augment augment(random);
  augment.random_crop(1, -5);
  const Batch before = numbered(400, 3, 4), after = augment(numbered(400, 3, 4));
  std::set<std::pair<Index, Index>> seen;
  for (Index i = 0; i < 400; ++i) {
    const auto x = image(before, i), y = image(after, i);
    bool found = false;
    for (Index down = -1; down <= 1; ++down)
      for (Index right = -1; right <= 1; ++right) {
        std::vector<Scalar> moved(12, -5);
        for (Index r = 0; r < 3; ++r)
          for (Index c = 0; c < 4; ++c)
            if (r + down >= 0 && r + down < 3 && c + right >= 0 && c + right < 4)
              moved[static_cast<std::size_t>(4 * r + c)] =
                  x[static_cast<std::size_t>(4 * (r + down) + c + right)];
        if (y == moved) found = true, seen.insert({down, right});
      }
    CHECK(found);
  }
  CHECK(seen.size() == 9);
  // More than the image is wide: it may be gone altogether.
  Augment far(random);
  far.random_crop(50);
  CHECK(far(numbered(8, 3, 4)).xs[0].shape() == Shape{8, 3, 4, 1});
}

TEST_CASE("random_erase fills parts with noise of the image's own mean, within its limits") {
  Random random(3);
  Augment augment(random);
  augment.random_erase(0.5, 1);
  const Batch before = numbered(300, 8, 8), after = augment(numbered(300, 8, 8));
  int erased = 0;
  double sum = 0, square = 0, count = 0;
  for (Index i = 0; i < 300; ++i) {
    const auto x = image(before, i), y = image(after, i);
    Index changed = 0, top = 8, bottom = -1, left = 8, right = -1;
    for (Index k = 0; k < 64; ++k) {
      const auto at = static_cast<std::size_t>(k);
      CHECK_UNARY((y[at] >= x.front() && y[at] <= x.back()));
      if (y[at] == x[at]) continue;
      ++changed;
      top = std::min(top, k / 8), bottom = std::max(bottom, k / 8);
      left = std::min(left, k % 8), right = std::max(right, k % 8);
      const double noise = (y[at] - x.front()) / 63.0;
      sum += noise;
      square += noise * noise;
      ++count;
    }
    if (changed == 0) continue;
    ++erased;
    CHECK(bottom - top < 4);
    CHECK(right - left < 4);
    CHECK(changed > 8);  // of 16; a number may happen to be the one that was there
  }
  CHECK(std::abs(erased - 150) < 6 * 8.7);
  const double mean = sum / count;
  CHECK(mean == doctest::Approx(0.5).epsilon(0.03));
  // The 64 equally spaced numbers have this deviation, and normal noise that is cut off c
  // deviations from its mean has that one.
  const double deviation = std::sqrt((64 * 64 - 1) / 12.0) / 63, c = 0.5 / deviation;
  const double beyond = std::erfc(c / std::numbers::sqrt2) / 2;
  const double density = std::exp(-c * c / 2) / std::sqrt(2 * std::numbers::pi);
  const double cut = std::sqrt(1 - 2 * beyond - 2 * c * density + 2 * c * c * beyond);
  CHECK(std::sqrt(square / count - mean * mean) == doctest::Approx(deviation * cut).epsilon(0.06));
}

TEST_CASE("random_copy brings a part of the image to another place") {
  Random random(4);
  Augment augment(random);
  augment.random_copy(0.5, 1);
  const Batch before = numbered(200, 6, 6), after = augment(numbered(200, 6, 6));
  int copied = 0;
  for (Index i = 0; i < 200; ++i) {
    const auto x = image(before, i), y = image(after, i);
    std::set<Scalar> shifts;  // where the changed numbers come from, as seen from where they are
    for (std::size_t k = 0; k < 36; ++k)
      if (y[k] != x[k]) shifts.insert(y[k] - x[k]);
    CHECK(shifts.size() <= 1);
    copied += shifts.size() == 1;
  }
  CHECK(copied > 50);
}

TEST_CASE("affine: every pixel comes from where turn, zoom and shift brought it from") {
  // A plane: between its pixels, interpolation is exact.
  const auto plane = [](double y, double x, Index k) {
    return k == 0 ? 3 + 5 * x - 2 * y : 7 * y - x;
  };
  constexpr Index h = 7, w = 9;
  constexpr double fill = -1000;
  Array pixels(Shape{40, h, w, 2});
  for (Index i = 0; i < pixels.size(); ++i)
    pixels.data()[i] = static_cast<Scalar>(
        plane(static_cast<double>(i / 2 / w % h), static_cast<double>(i / 2 % w), i % 2));
  using Complex = std::complex<double>;  // x + iy
  const Complex middle((w - 1) / 2.0, (h - 1) / 2.0);
  for (const std::array<double, 3>& most :
       {std::array{180.0, 0.0, 0.0}, {0.0, 0.5, 0.0}, {0.0, 0.0, 0.4}, {30.0, 0.2, 0.1}}) {
    const double degrees = most[0], zoom = most[1], shift = most[2];
    INFO(str("degrees ", degrees, ", zoom ", zoom, ", shift ", shift));
    Random random(9), twin(9);
    Augment augment(random);
    augment.affine(degrees, zoom, shift, static_cast<Scalar>(fill));
    const Batch after = augment(Batch{{Tensor(pixels)}, IntArray(Shape{40}, 0)});
    const std::uint64_t key = twin.bits();
    Index inside = 0, outside = 0;
    for (Index i = 0; i < 40; ++i) {
      Draw draw(key, i);
      const auto within = [&](double most) { return (2 * draw.uniform() - 1) * most; };
      const double angle = within(degrees) * std::numbers::pi / 180, scale = 1 + within(zoom);
      const double down = within(shift) * h, right = within(shift) * w;
      const auto y = image(after, i);
      for (Index at = 0; at < h * w; ++at) {
        const Complex here(static_cast<double>(at % w), static_cast<double>(at / w));
        const Complex from =
            middle + (here - middle - Complex(right, down)) / std::polar(scale, angle);
        for (Index k = 0; k < 2; ++k) {
          const double got = y[static_cast<std::size_t>(2 * at + k)];
          if (from.real() >= 0 && from.real() <= w - 1 && from.imag() >= 0 &&
              from.imag() <= h - 1) {
            CHECK(std::abs(got - plane(from.imag(), from.real(), k)) <= 2e-5);
            ++inside;
          } else if (from.real() < -1 || from.real() > w || from.imag() < -1 || from.imag() > h) {
            CHECK(got == fill);
            ++outside;
          }
        }
      }
    }
    CHECK(inside > 1000);
    if (degrees < 180 || zoom > 0) CHECK(outside > (zoom == 0.5 || shift > 0 ? 50 : 0));
  }
}

TEST_CASE("affine: nothing to do is nothing done, and outside of the image comes the fill") {
  Random random(5);
  Augment still(random);
  still.affine(0);
  const Batch before = numbered(3, 5, 4, 2);
  CHECK((all_bits(still(numbered(3, 5, 4, 2))) == all_bits(before)));

  // A constant image stays constant in the middle, whatever the turn; outside comes the fill.
  Augment turn(random);
  turn.affine(45, 0.1, 0.05, -1);
  Batch grey{{Tensor(Array(Shape{50, 11, 11, 1}, 1))}, IntArray(Shape{50}, 0)};
  const Batch turned = turn(grey);
  int filled = 0;
  for (Index i = 0; i < 50; ++i) {
    const auto y = image(turned, i);
    CHECK(y[60] == doctest::Approx(1));
    for (const Scalar v : y) CHECK_UNARY((v >= -1.0001 && v <= 1.0001));
    filled += y[0] < 0;
  }
  CHECK(filled > 10);
}

TEST_CASE("augmentation: the same bits for any number of threads, other ones every time") {
  const int before = max_threads();
  std::string first;
  for (const int threads : {1, 2, 3, 8}) {
    set_threads(threads);
    Random random(6);
    Augment augment(random);
    augment.random_crop(2).horizontal_flip().affine(10, 0.1, 0.1).random_erase().random_copy();
    const std::string once = all_bits(augment(numbered(100, 28, 28)));
    const std::string twice = all_bits(augment(numbered(100, 28, 28)));
    CHECK((once != twice));
    if (first.empty()) first = once;
    CHECK((once == first));
  }
  set_threads(before);
}

TEST_CASE("augmentation: an image has its own draws, whatever else is in the batch") {
  Random many(6), few(6);
  const auto augmented = [](Random& random, Index n) {
    Augment augment(random);
    augment.random_crop(2).horizontal_flip().affine(10, 0.1, 0.1).random_erase().random_copy();
    return augment(numbered(n, 12, 12));
  };
  const Batch large = augmented(many, 100), small = augmented(few, 10);
  for (Index i = 0; i < 10; ++i) CHECK((image(large, i) == image(small, i)));
  CHECK(many.bits() == few.bits());  // a batch takes one number of the stream
}

TEST_CASE("augmentation: what does not fit is refused by name") {
  Augment augment;
  const auto refused = [](const std::string& who, const auto& f) {
    const std::string message = message_of(f);
    CHECK_MESSAGE(begins(message, "[" + who + "] "), message);
  };
  refused("random_crop", [&] { augment.random_crop(-1); });
  refused("horizontal_flip", [&] { augment.horizontal_flip(1.5); });
  refused("random_erase", [&] { augment.random_erase(0); });
  refused("random_erase", [&] { augment.random_erase(0.2, -1); });
  refused("random_copy", [&] { augment.random_copy(2); });
  refused("affine", [&] { augment.affine(-1); });
  refused("affine", [&] { augment.affine(0, 1); });
  refused("augment", [&] { augment.add(nullptr); });
  refused("augment", [&] { augment(Batch{}); });
  refused("augment", [&] { augment(Batch{{Tensor(Array(Shape{2, 3}, 1))}, IntArray()}); });
  augment.random_crop(1).horizontal_flip().random_erase().random_copy().affine(9);
  CHECK(augment(numbered(0, 4, 4)).size() == 0);
  CHECK(augment(numbered(3, 1, 1)).size() == 3);
}
