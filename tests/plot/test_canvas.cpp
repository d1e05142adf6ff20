#include "learner/plot/canvas.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <stdexcept>

#include "tests/plot/picture.h"

using namespace kindling::plot;
using kindling::plot::testing::ink;

namespace {

constexpr Color kBlack{0, 0, 0};
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();

void draw_line(Canvas& canvas, Point a, Point b, double width) {
  const Point ends[] = {a, b};
  canvas.polyline(ends, {kBlack, width});
}

}  // namespace

TEST_CASE("canvas: a line's ink is its length times its width, at every angle") {
  const double length = 120;
  for (const double width : {1.0, 1.6, 3.0, 7.5}) {
    // Its round ends: a disc whose edge is a ramp from radius - 1/2 to radius + 1/2.
    const double r = width / 2, ends = std::numbers::pi * (r * r + 1.0 / 12);
    for (int degrees = 0; degrees < 180; degrees += 7) {
      const double angle = degrees * std::numbers::pi / 180;
      Canvas canvas(200, 200, 1);
      const Point from{100.3 - 60 * std::cos(angle), 99.6 - 60 * std::sin(angle)};
      draw_line(canvas, from,
                {from.x + length * std::cos(angle), from.y + length * std::sin(angle)}, width);
      CAPTURE(width);
      CAPTURE(degrees);
      CHECK(ink(canvas) == doctest::Approx(length * width + ends).epsilon(0.01));
    }
  }
}

TEST_CASE("canvas: a line thinner than a pixel is fainter, not thicker") {
  Canvas canvas(200, 50, 1);
  draw_line(canvas, {20, 21}, {180, 27}, 0.4);
  CHECK(ink(canvas) == doctest::Approx(std::hypot(160, 6) * 0.4).epsilon(0.03));
}

TEST_CASE("canvas: scale 2 puts four device pixels where one was") {
  Canvas canvas(100, 50);
  CHECK(canvas.pixel_width() == 200);
  CHECK(canvas.pixel_height() == 100);
  canvas.fill_rect({10, 10, 20, 5}, kBlack);
  CHECK(ink(canvas) == doctest::Approx(20 * 5 * 4));
  CHECK(canvas.pixel(20, 20) == kBlack);
  CHECK(canvas.pixel(19, 20) == kWhite);
}

TEST_CASE("canvas: a polyline of many pieces looks like one of a single piece") {
  std::vector<Point> pieces;
  for (int i = 0; i <= 400; ++i) pieces.push_back({10 + i * 0.4, 12 + i * 0.15});
  Canvas one(180, 90, 1), many(180, 90, 1);
  draw_line(one, pieces.front(), pieces.back(), 2.5);
  many.polyline(pieces, {kBlack, 2.5});
  int largest = 0;
  for (std::size_t i = 0; i < one.pixels().size(); ++i) {
    largest = std::max(largest, std::abs(one.pixels()[i] - many.pixels()[i]));
  }
  CHECK(largest <= 1);
}

TEST_CASE("canvas: a translucent polyline is equally dark where it crosses itself") {
  const Point zigzag[] = {{10, 10}, {70, 70}, {70, 10}, {10, 70}, {10, 10}, {70, 70}};
  Canvas canvas(80, 80, 1);
  canvas.polyline(zigzag, {kBlack.with_alpha(0.5f), 4});
  const auto darkest = *std::min_element(canvas.pixels().begin(), canvas.pixels().end());
  CHECK(darkest >= 127);
  CHECK(canvas.pixel(40, 40).r <= 128);      // and the crossing itself is not lighter
  CHECK(canvas.pixel(70, 70 - 1).r <= 128);  // nor is there a gap at a joint
}

TEST_CASE("canvas: dashes cover a part of the line and stay on it") {
  Canvas solid(300, 20, 1), dashed(300, 20, 1), dotted(300, 20, 1);
  const Point ends[] = {{10, 10}, {290, 10}};
  solid.polyline(ends, {kBlack, 2});
  dashed.polyline(ends, {kBlack, 2, Dash::dashed});
  dotted.polyline(ends, {kBlack, 2, Dash::dotted});
  CHECK(ink(dashed) < 0.9 * ink(solid));
  CHECK(ink(dashed) > 0.5 * ink(solid));
  CHECK(ink(dotted) < 0.6 * ink(solid));
  for (std::size_t i = 0; i < solid.pixels().size(); ++i) {
    REQUIRE(dashed.pixels()[i] >= solid.pixels()[i]);
  }
  // Ends a billion pixels away neither take forever nor hide the part in sight.
  Canvas far(300, 20, 1);
  const Point far_ends[] = {{-1e15, 10}, {1e15, 10}};
  far.polyline(far_ends, {kBlack, 2, Dash::dashed});
  CHECK(ink(far) > 0.5 * 600);
  CHECK(ink(far) < 0.95 * 600);
}

TEST_CASE("canvas: areas of rectangles and discs") {
  Canvas rect(60, 60, 1), disc(60, 60, 1);
  rect.fill_rect({10.3, 20.6, 21.45, 7.25}, kBlack);
  CHECK(ink(rect) == doctest::Approx(21.45 * 7.25).epsilon(0.002));
  disc.disc({30.2, 29.7}, 12, kBlack);
  CHECK(ink(disc) == doctest::Approx(std::numbers::pi * 144).epsilon(0.005));
}

TEST_CASE("canvas: clipping holds for everything and ends with its scope") {
  Canvas canvas(50, 50, 1);
  {
    const Canvas::Clip clip(canvas, {10, 10, 20, 20});
    const Canvas::Clip inner(canvas, {0, 0, 25, 100});  // only ever narrows
    canvas.fill_rect({0, 0, 50, 50}, kBlack);
    draw_line(canvas, {-5, 0}, {55, 49}, 9);
    canvas.disc({30, 30}, 30, kBlack);
    canvas.text({0, 30}, "MMMMMMMM", 20, kBlack);
    canvas.image({0, 0, 50, 50}, {1, 1, {0, 0, 0}});
  }
  CHECK(ink(canvas) == doctest::Approx(15 * 20));
  canvas.fill_rect({0, 0, 50, 50}, kBlack);
  CHECK(ink(canvas) == doctest::Approx(2500));
}

TEST_CASE("canvas: impossible coordinates draw nothing, huge ones what is in sight") {
  Canvas canvas(40, 40, 1);
  for (const double bad : {kNan, kInf, -kInf}) {
    draw_line(canvas, {bad, 3}, {bad, 9}, 2);
    canvas.fill_rect({bad, 0, 10, 10}, kBlack);
    canvas.fill_rect({0, 0, bad, 10}, kBlack);
    canvas.disc({5, bad}, 4, kBlack);
    canvas.disc({5, 5}, kNan, kBlack);
    canvas.image({bad, 1, 5, 5}, {1, 1, {0, 0, 0}});
    canvas.text({bad, 20}, "text", 10, kBlack);
  }
  draw_line(canvas, {1e300, 3}, {1.7e308, 9}, 2);
  canvas.fill_rect({1e300, -1e300, 1e290, 10}, kBlack);
  canvas.disc({1e300, 1e300}, 4, kBlack);
  CHECK(ink(canvas) == 0);
  draw_line(canvas, {-1.7e308, 20}, {1.7e308, 20}, 2);
  CHECK(ink(canvas) == doctest::Approx(80));
  CHECK(canvas.pixel(0, 20) == kBlack);
  CHECK(canvas.pixel(39, 19) == kBlack);
}

TEST_CASE("canvas: to_pixel takes any number") {
  CHECK(to_pixel(kNan) == 0);
  CHECK(to_pixel(kInf) == 100'000'000);
  CHECK(to_pixel(-3.7) == -3);
}

TEST_CASE("canvas: NaN breaks a line, a lone point stays visible") {
  Canvas canvas(60, 20, 1);
  const Point points[] = {{5, 10}, {15, 10}, {kNan, 10}, {30, 10}, {35, kNan}, {45, 10}, {55, 10}};
  canvas.polyline(points, {kBlack, 2});
  CHECK(canvas.pixel(10, 10) == kBlack);
  CHECK(canvas.pixel(22, 10) == kWhite);
  CHECK(canvas.pixel(30, 10).r < 128);
  CHECK(canvas.pixel(38, 10) == kWhite);
  CHECK(canvas.pixel(50, 10) == kBlack);
}

TEST_CASE("canvas: an image's pixels become rectangles, row 0 on top") {
  Canvas canvas(20, 20, 1);
  canvas.image({4, 6, 8, 4}, {2, 2, {255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9}});
  CHECK(canvas.pixel(4, 6) == Color{255, 0, 0});
  CHECK(canvas.pixel(7, 7) == Color{255, 0, 0});
  CHECK(canvas.pixel(8, 7) == Color{0, 255, 0});
  CHECK(canvas.pixel(4, 8) == Color{0, 0, 255});
  CHECK(canvas.pixel(11, 9) == Color{9, 9, 9});
  CHECK(canvas.pixel(12, 9) == kWhite);
  CHECK_THROWS_WITH_AS(canvas.image({0, 0, 20, 20}, {2, 2, {1, 2, 3}}),
                       "[plot] an image of 2 x 2 pixels with 3 bytes", std::invalid_argument);
}

TEST_CASE("canvas: sizes without sense are refused") {
  CHECK_THROWS_AS(Canvas(0, 10), std::invalid_argument);
  CHECK_THROWS_AS(Canvas(10, -1), std::invalid_argument);
  CHECK_THROWS_AS(Canvas(-10, -10, -1), std::invalid_argument);
  CHECK_THROWS_AS(Canvas(kNan, 10), std::invalid_argument);
  CHECK_THROWS_AS(Canvas(1e9, 10), std::invalid_argument);
  CHECK_THROWS_AS(Canvas(30000, 30000, 1), std::invalid_argument);
}
