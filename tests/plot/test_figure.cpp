#include "learner/plot/figure.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <stdexcept>

#include "learner/plot/axes_geometry.h"
#include "learner/plot/png.h"
#include "tests/plot/picture.h"

using namespace kindling::plot;
using namespace kindling::plot::testing;

namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();
const std::string kLong(300, 'w');

// Pixels of exactly this colour, as a box of device pixels; width 0 if there are none.
Rect box_of(const Canvas& canvas, Color color) {
  double x0 = 1e9, y0 = 1e9, x1 = -1, y1 = -1;
  for (int y = 0; y < canvas.pixel_height(); ++y) {
    for (int x = 0; x < canvas.pixel_width(); ++x) {
      if (canvas.pixel(x, y) != color) continue;
      x0 = std::min(x0, x + 0.0), x1 = std::max(x1, x + 1.0);
      y0 = std::min(y0, y + 0.0), y1 = std::max(y1, y + 1.0);
    }
  }
  return x1 < 0 ? Rect{} : Rect{x0, y0, x1 - x0, y1 - y0};
}

}  // namespace

TEST_CASE("figure: texts of any length neither overlap nor leave the page") {
  Figure figure(2, 3, 150, 90);
  figure.suptitle(kLong);
  for (int i = 0; i < 6; ++i) {
    figure.at(i).title(kLong).x_label(kLong).y_label(kLong).line({1, 2, 3}, {-1e9 - 1, 1e9, 3},
                                                                 i % 2 ? kLong : "a");
  }
  figure.at(0, 1).line({0, 1}, {1e6 + 1e-3, 1e6 + 2e-3}, kLong).legend(LegendPlace::outside);
  ImageStyle bar;
  bar.colorbar = true;
  bar.colorbar_label = kLong;
  figure.at(1, 1).image({2, 2, {1e-7, 2e-7, 3e-7, kNan}}, bar);
  figure.at(1, 2).y_scale(Scale::log10).annotate(2, 1e3, "a note").vertical_line(2, "a guide");
  CHECK(text_trouble(figure.render()) == "");
}

TEST_CASE("figure: the check above can fail") {
  Canvas canvas(100, 50);
  canvas.text({10, 20}, "one", 10, kInk);
  CHECK(text_trouble(canvas) == "");
  canvas.text({15, 22}, "two", 10, kInk);
  CHECK(text_trouble(canvas) == "'two' overlaps 'one'");
  Canvas outside(100, 50);
  outside.text({90, 20}, "far out", 10, kInk);
  CHECK(text_trouble(outside) == "'far out' leaves the page");
}

TEST_CASE("figure: a line runs through the pixels that its numbers say") {
  const Color red{255, 0, 0};
  Figure figure(1, 1, 200, 100);
  figure.at(0).x_limits(0, 10).y_limits(-1, 1).grid(false);
  figure.at(0).image({1, 1, {0}}, {.x = Limits{0, 10}, .y = Limits{-1, 1}});  // shows the frame
  figure.at(0).line({2, 8}, {0.5, 0.5}, "", {.color = red, .width = 3});
  const Canvas canvas = figure.render();
  const Rect plot = box_of(canvas, map_color(Colormap::aurora, 0));
  const Rect line = box_of(canvas, red);
  CHECK(std::abs(plot.width - 400) <= 4);  // the frame hides a pixel on each side
  CHECK(std::abs(plot.height - 200) <= 4);
  const double left = plot.x + plot.width / 2 - 200, top = plot.y + plot.height / 2 - 100;
  CHECK(std::abs(line.x - (left + 0.2 * 400 - 3)) <= 3);  // 3: the round end
  CHECK(std::abs(line.right() - (left + 0.8 * 400 + 3)) <= 3);
  CHECK(std::abs(line.y + line.height / 2 - (top + 0.25 * 200)) <= 1);
}

TEST_CASE("figure: impossible data gives a picture all the same") {
  const std::vector<std::vector<double>> bad = {{},        {kNan},          {kInf, -kInf},
                                                {1},       {5, 5, 5},       {1e308, -1e308},
                                                {0, 0, 0}, {kNan, 1, kNan}, {1e-320, 2e-320}};
  for (const auto& xs : bad) {
    for (const auto& ys : bad) {
      const std::size_t n = std::min(xs.size(), ys.size());
      const std::vector<double> x(xs.begin(), xs.begin() + n), y(ys.begin(), ys.begin() + n);
      for (const Scale scale : {Scale::linear, Scale::log10}) {
        Figure figure(1, 1, 60, 40);
        figure.at(0).x_scale(scale).y_scale(scale).line(x, y, "n", {.dash = Dash::dashed});
        figure.at(0).scatter(x, y).vertical_line(kNan, "x").horizontal_line(kInf, "y");
        figure.at(0).annotate(kNan, 1, "z").annotate(1e308, -1e308, "z");
        CHECK(text_trouble(figure.render(1)) == "");
      }
    }
  }
}

TEST_CASE("figure: misuse is named") {
  CHECK_THROWS_AS(Figure(0, 1, 10, 10), std::invalid_argument);
  CHECK_THROWS_AS(Figure(1, 1, kNan, 10), std::invalid_argument);
  Figure figure(1, 2, 50, 50);
  CHECK_THROWS_AS(figure.at(1, 0), std::out_of_range);
  CHECK_THROWS_AS(figure.at(2), std::out_of_range);
  CHECK_THROWS_WITH_AS(figure.at(0).line({1, 2}, {1}), "[plot] a line with 2 x but 1 y values",
                       std::invalid_argument);
  CHECK_THROWS_AS(figure.at(0).x_limits(kNan, 1), std::invalid_argument);
  CHECK_THROWS_AS(figure.at(0).image({2, 2, {1, 2, 3}}), std::invalid_argument);
  for (const Limits bad : {Limits{1, 0}, Limits{0, kNan}})
    CHECK_THROWS_AS(figure.at(0).image({1, 1, {1}}, {.y = bad}), std::invalid_argument);
}

TEST_CASE("figure: the legend goes where the data is not") {
  // A cloud in three corners leaves the fourth.
  for (const auto& [fx, fy] : {std::pair{0, 0}, {0, 1}, {1, 0}, {1, 1}}) {
    std::vector<double> xs, ys;
    for (int i = 0; i < 300; ++i) {
      const double x = (i % 20) / 19.0, y = (i / 20) / 14.0;
      if (std::abs(x - fx) < 0.5 && std::abs(y - fy) < 0.5) continue;
      xs.push_back(x), ys.push_back(y);
    }
    Figure figure(1, 1, 300, 200);
    figure.at(0).scatter(xs, ys, "cloud");
    const Canvas canvas = figure.render();
    const auto& boxes = canvas.text_boxes();
    const auto entry = std::ranges::find(boxes, "cloud", &TextBox::text);
    REQUIRE(entry != boxes.end());
    CHECK((entry->box.x > canvas.width() / 2) == (fx == 1));
    CHECK((entry->box.y < canvas.height() / 2) == (fy == 1));
  }
}

TEST_CASE("figure: a legend that finds no free corner moves outside") {
  std::vector<double> xs, ys;
  for (int i = 0; i < 2000; ++i) xs.push_back(i), ys.push_back((i * 7919) % 1000);
  Figure full(1, 1, 300, 200), empty(1, 1, 300, 200);
  full.at(0).line(xs, ys, "everywhere");
  empty.at(0).line({0, 2000}, {0, 1000}, "everywhere");
  CHECK(full.render().width() > empty.render().width() + 60);
}

TEST_CASE("figure: thinning 50,000 points loses no peak") {
  std::vector<double> xs(50000), ys(50000);
  for (std::size_t i = 0; i < xs.size(); ++i) {
    xs[i] = static_cast<double>(i), ys[i] = std::sin(i * 0.01) + ((i * 7919) % 1000) * 1e-3;
  }
  ys[31234] = 40;
  ys[20000] = kNan;
  AxisView x{Scale::linear, 0, 50000, {}, {}}, y{Scale::linear, -2, 42, {}, {}};
  const Rect plot{0, 0, 400, 300};
  const std::vector<Point> thin = to_pixels(xs, ys, x, y, plot);
  CHECK(thin.size() < 4 * 2 * 400 + 10);
  std::map<double, std::pair<double, double>> full, kept;  // half-pixel column: lowest, highest
  const auto note = [](auto& columns, Point p) {
    if (!finite(p)) return;
    auto [it, fresh] = columns.try_emplace(std::floor(2 * p.x), p.y, p.y);
    it->second = {std::min(it->second.first, p.y), std::max(it->second.second, p.y)};
  };
  for (std::size_t i = 0; i < xs.size(); ++i) note(full, to_pixel(xs[i], ys[i], x, y, plot));
  for (const Point& p : thin) note(kept, p);
  CHECK(full == kept);
  CHECK(std::ranges::count_if(thin, [](Point p) { return !finite(p); }) == 1);
}

TEST_CASE("figure: images are averaged when they have more columns than pixels") {
  // Columns alternate between 0 and 2: a plot with far fewer pixels shows 1 everywhere.
  Matrix m{1, 8000, std::vector<double>(8000)};
  for (int i = 0; i < 8000; ++i) m.values[i] = 2 * (i % 2);
  Figure figure(1, 1, 100, 40);
  figure.at(0).image(m);
  const Rect middle = box_of(figure.render(), map_color(Colormap::aurora, 0.5));
  CHECK(middle.width > 190);
  CHECK(middle.height > 70);
}

TEST_CASE("figure: same calls, same bytes; empty cells stay white") {
  const auto make = [] {
    Figure figure(2, 2, 80, 60);
    figure.at(0, 0).line({1, 2, 3}, {3, 1, 2}, "a");
    figure.at(1, 0).line({1, 2, 3}, {3, 1, 2}, "a");
    return encode_png(figure.render());
  };
  CHECK(make() == make());
  Figure sparse(1, 2, 80, 60);
  sparse.at(0).line({1, 2}, {1, 2});
  const Canvas canvas = sparse.render();
  bool white = true;
  for (int y = 0; y < canvas.pixel_height(); ++y) {
    for (int x = canvas.pixel_width() / 2 + 60; x < canvas.pixel_width(); ++x) {
      white = white && canvas.pixel(x, y) == kWhite;
    }
  }
  CHECK(white);
}

TEST_CASE("figure: a lone finite point can be seen, no data is said") {
  const Color red{255, 0, 0};
  Figure lone(1, 1, 100, 60), none(1, 1, 100, 60);
  lone.at(0).line({1, 2, 3}, {kNan, 5, kNan}, "", {.color = red});
  CHECK(box_of(lone.render(), red).width >= 4);
  none.at(0).line({1, 2, 3}, {kNan, kNan, kNan});
  CHECK(shows_text(none.render(), "no data"));
  CHECK_FALSE(shows_text(lone.render(), "no data"));
}
