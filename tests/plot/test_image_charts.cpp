// Pictures that are a grid: of images, and of counts.

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include "learner/plot/charts.h"
#include "learner/plot/colormap.h"
#include "tests/plot/picture.h"

using namespace kindling::plot;
using namespace kindling::plot::testing;

namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

}  // namespace

TEST_CASE("image_grid: pixels, captions and colours") {
  const Image gray{2, 2, 1, {0, 85, 170, 255}};
  const Image color{1, 1, 3, {10, 200, 30}};
  const Canvas canvas = image_grid({gray, color}, {{"right", kRight}, {"wrong", kWrong}},
                                   {.columns = 2, .cell_width = 40});
  // Page margin 14, cell 40, gap 12; device pixels are twice that.
  CHECK(canvas.pixel(2 * 14 + 5, 2 * 14 + 5) == Color{0, 0, 0});
  CHECK(canvas.pixel(2 * 14 + 75, 2 * 14 + 5) == Color{85, 85, 85});
  CHECK(canvas.pixel(2 * 14 + 5, 2 * 14 + 75) == Color{170, 170, 170});
  CHECK(canvas.pixel(2 * (14 + 40 + 12) + 40, 2 * 14 + 40) == Color{10, 200, 30});
  CHECK(shows_text(canvas, "right"));
  CHECK(text_trouble(canvas) == "");
  int red = 0;
  for (int y = 0; y < canvas.pixel_height(); ++y) {
    for (int x = canvas.pixel_width() / 2; x < canvas.pixel_width(); ++x) {
      red += canvas.pixel(x, y) == kWrong;
    }
  }
  CHECK(red > 10);
}

TEST_CASE("image_grid: many images, long captions, odd shapes") {
  for (const int n : {0, 1, 7, 16, 65}) {
    std::vector<Image> images;
    std::vector<Caption> captions;
    for (int i = 0; i < n; ++i) {
      const int h = 1 + i % 5, w = 1 + i % 3;
      images.push_back({h, w, 1, std::vector<std::uint8_t>(h * w, 99)});
      captions.push_back({i % 4 ? "Ankle boot" : "a very long caption\nand a second line"});
    }
    CHECK(text_trouble(image_grid(images, captions, {.title = "images"})) == "");
  }
}

TEST_CASE("image_from_floats: stretched, or between given bounds") {
  const std::vector<float> values{-1, 0, 1, static_cast<float>(kNan)};
  CHECK(image_from_floats(2, 2, 1, values).pixels == std::vector<std::uint8_t>{0, 128, 255, 0});
  CHECK(image_from_floats(2, 2, 1, values, 0.f, 2.f).pixels ==
        std::vector<std::uint8_t>{0, 0, 128, 0});
  CHECK(image_from_floats(1, 2, 1, {3, 3}).pixels == std::vector<std::uint8_t>{0, 0});
}

TEST_CASE("confusion_matrix: each count in its cell, shaded by its share of the row") {
  const std::vector<std::string> classes = {"cat", "dog"};
  const Canvas canvas = confusion_matrix(classes, {9, 1, 0, 1200});
  CHECK_EQ(text_trouble(canvas), "");
  for (const char* text :
       {"9", "1", "1,200", "cat", "dog", "1,209 of 1,210 right", "true class", "predicted class"})
    CHECK(shows_text(canvas, text));
  CHECK_FALSE(shows_text(canvas, "0"));
  // Where the counts are written: the one in the row of "cat" and the column of "dog" stands right
  // of the 9 and above the 1,200.
  const auto box_of = [&](const std::string& text) {
    for (const TextBox& box : canvas.text_boxes())
      if (box.text == text) return box.box;
    return Rect{};
  };
  CHECK(box_of("1").x > box_of("9").right());
  CHECK(box_of("1").bottom() < box_of("1,200").y);
  CHECK(std::abs(box_of("1").y - box_of("9").y) < 1);
  // Darker where more of the row is: left of each number, inside its cell.
  const auto shade = [&](const Rect& box) {
    const Color c =
        canvas.pixel(static_cast<int>(2 * (box.x - 2)), static_cast<int>(2 * (box.y + 2)));
    return lightness(c);
  };
  CHECK(shade(box_of("1,200")) < shade(box_of("9")));
  CHECK(shade(box_of("9")) < shade(box_of("1")));
  CHECK(shade(box_of("1")) < 99);

  // The cells of however few classes fill the frame that the labels need.
  for (const std::size_t n : {2, 3, 4}) {
    const Canvas few =
        confusion_matrix(std::vector<std::string>(n, "a"), std::vector<double>(n * n, 5));
    double left = 1e9, right = 0;
    for (const TextBox& box : few.text_boxes())
      if (box.text == "5")
        left = std::min(left, box.box.x), right = std::max(right, box.box.right());
    const double cell = (right - left) / static_cast<double>(n - 1);
    CHECK(cell * static_cast<double>(n) >= 120);
  }

  CHECK_EQ(text_trouble(confusion_matrix({}, {})), "");
  CHECK(shows_text(confusion_matrix({}, {}), "no data"));
  CHECK_EQ(text_trouble(confusion_matrix({"one"}, {0})), "");
  std::vector<std::string> many;
  for (int i = 0; i < 30; ++i)
    many.push_back(std::string(static_cast<std::size_t>(i) * 3, 'W') + "x");
  CHECK_EQ(text_trouble(confusion_matrix(many, std::vector<double>(900, 123456))), "");
  CHECK(shows_text(confusion_matrix(classes, {1, 0, 0, 1}, "mine"), "mine"));

  CHECK_THROWS_AS(confusion_matrix(classes, {1, 2, 3}), std::invalid_argument);
  CHECK_THROWS_AS(confusion_matrix(classes, {1, 2, 3, -4}), std::invalid_argument);
  CHECK_THROWS_AS(confusion_matrix(classes, {1, 2, 3, kNan}), std::invalid_argument);
}
