#include "learner/plot/charts.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "learner/plot/colormap.h"
#include "learner/plot/png.h"
#include "tests/plot/picture.h"

using namespace kindling::plot;
using namespace kindling::plot::testing;

namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// The single panel of a color_dim picture: the rows in which `colors` fill a long stretch.
Rect heat_area(const Canvas& canvas, const std::vector<Color>& colors) {
  double x0 = 0, y0 = 1e9, x1 = 0, y1 = -1;
  for (int y = 0; y < canvas.pixel_height(); ++y) {
    int run = 0;
    for (int x = 0; x < canvas.pixel_width(); ++x) {
      const bool in = std::ranges::find(colors, canvas.pixel(x, y)) != colors.end();
      run = in ? run + 1 : 0;
      if (run < 600) continue;
      x0 = x - run + 1, x1 = x + 1;
      y0 = std::min(y0, y + 0.0), y1 = std::max(y1, y + 1.0);
    }
  }
  return {x0, y0, x1 - x0, y1 - y0};
}

Color at(const Canvas& canvas, const Rect& area, double x, double up) {
  return canvas.pixel(static_cast<int>(area.x + x * area.width),
                      static_cast<int>(area.bottom() - up * area.height));
}

HistogramPanel some_panel(const std::string& name, int batches) {
  HistogramPanel panel{name, {}};
  for (int b = 0; b < batches; ++b) {
    std::vector<double> h(40);
    for (int i = 0; i < 40; ++i) h[i] = std::floor(1e5 * std::exp(-0.4 * i * (1 + b % 7)));
    panel.histograms.push_back(h);
  }
  return panel;
}

std::vector<HistogramPanel> some_panels(int n, int batches, const std::string& name = "layer ") {
  std::vector<HistogramPanel> panels;
  for (int i = 0; i < n; ++i) panels.push_back(some_panel(name + std::to_string(i), batches));
  return panels;
}

}  // namespace

TEST_CASE("color_dim: every count has its colour in its place, bin 0 at the bottom") {
  const std::vector<std::vector<double>> histograms = {
      {99, 9, 1, 0}, {0, 99, 0, 0}, {0, 0, 0, 99}, {9, 9, 9, 9}, {0, 0, 0, 0}};
  std::vector<Color> colors;
  for (const double count : {0, 1, 9, 99}) {
    colors.push_back(map_color(Colormap::aurora, std::log(1 + count) / std::log(100)));
  }
  const Canvas canvas = color_dim({{"one", histograms}});
  const Rect area = heat_area(canvas, colors);
  REQUIRE(area.width > 800);
  REQUIRE(area.height > 300);
  for (int batch = 0; batch < 5; ++batch) {
    for (int bin = 0; bin < 4; ++bin) {
      const double count = histograms[batch][bin];
      const Color expected = map_color(Colormap::aurora, std::log(1 + count) / std::log(100));
      CAPTURE(batch);
      CAPTURE(bin);
      for (const double inside : {0.1, 0.5, 0.9}) {  // the whole cell, not its middle alone
        CHECK(at(canvas, area, (batch + inside) / 5, (bin + inside) / 4) == expected);
      }
    }
  }
  // Sanity of the test itself: the brightest pixel of batch 1 is the one at the bottom.
  CHECK(lightness(at(canvas, area, 0.1, 0.1)) > lightness(at(canvas, area, 0.1, 0.4)) + 20);
}

TEST_CASE("color_dim: axes, names and titles") {
  const Canvas canvas = color_dim(some_panels(5, 59), {.title = "lr 0.6", .max_activation = 10});
  for (const char* text : {"lr 0.6", "layer 0", "layer 4", "|activation|", "batch", "10", "0"}) {
    CAPTURE(text);
    CHECK(shows_text(canvas, text));
  }
}

TEST_CASE("lowest_bin_share: bin 0 over the sum") {
  const auto shares = lowest_bin_share({"x", {{3, 1, 0}, {0, 0, 7}, {0, 0, 0}, {5, 0, 0}}});
  REQUIRE(shares.size() == 4);
  CHECK(shares[0] == 0.75);
  CHECK(shares[1] == 0);
  CHECK(std::isnan(shares[2]));
  CHECK(shares[3] == 1);
}

TEST_CASE("series: axes, a line for each name, and a legend where there are several") {
  std::vector<double> up(50), down(50);
  for (int i = 0; i < 50; ++i) up[i] = i / 10.0, down[i] = 5 - i / 10.0;
  const SeriesOptions options{.title = "rates", .x_label = "step", .y_label = "lr", .first = 0};
  const Canvas both = series({{"rising", up}, {"falling", down}}, options);
  for (const char* text : {"rates", "step", "lr", "rising", "falling", "5"}) {
    CAPTURE(text);
    CHECK(shows_text(both, text));
  }
  CHECK_FALSE(shows_text(series({{"rising", up}}, options), "rising"));
  for (const int count : {0, 1, 2, 9}) {
    std::vector<Series> lines;
    for (int i = 0; i < count; ++i) lines.push_back({"a_rather_long_name_of_a_line", up});
    CHECK(text_trouble(series(lines, options)) == "");
  }
}

TEST_CASE("charts: no texts overlap, from nothing to very much") {
  const std::string longname = "layers.0.residual_block.convs.0.conv_with_a_long_name.weight";
  for (const int batches : {0, 1, 5, 3000}) {
    for (const int layers : {0, 1, 2, 3, 4, 5, 7, 12}) {
      CAPTURE(batches);
      CAPTURE(layers);
      const auto panels = some_panels(layers, batches, layers == 12 ? longname : "layer ");
      CHECK(text_trouble(dead_chart(panels, {.title = longname})) == "");
      if (batches <= 5) CHECK(text_trouble(color_dim(panels)) == "");
      std::vector<StatsSeries> series;
      for (int i = 0; i < layers; ++i) {
        series.push_back({longname, std::vector<double>(batches, 0.1 * i),
                          std::vector<double>(batches, 1e-7 * i)});
      }
      if (batches <= 5) CHECK(text_trouble(plot_stats(series, "statistics")) == "");
    }
    std::vector<double> train(batches);
    for (int i = 0; i < batches; ++i) train[i] = 2.3 * std::exp(-i / 100.0);
    CHECK(text_trouble(losses(train, {{1, 2.0}, {5, 1.9}}, {.title = "losses"})) == "");
  }
}

TEST_CASE("charts: all-zero histograms and NaN losses") {
  const HistogramPanel zero{"zero", std::vector<std::vector<double>>(6, std::vector<double>(40))};
  const Canvas canvas = color_dim({zero});
  const Color dark = map_color(Colormap::aurora, 0);
  CHECK(heat_area(canvas, {dark}).height > 300);  // all of it at the low end, none missing
  CHECK(shows_text(dead_chart({zero}), "no data"));
  CHECK(shows_text(losses(std::vector<double>(9, kNan), {{9, kNan}}), "no data"));
  CHECK_FALSE(shows_text(losses({kNan, 2, kNan}, {}), "no data"));
  CHECK(text_trouble(losses({}, {})) == "");
}

TEST_CASE("losses: a blow-up turns the axis logarithmic, a normal fall does not") {
  std::vector<double> train(100);
  for (int i = 0; i < 100; ++i) train[i] = 0.3 + 2 * std::exp(-i / 15.0);
  CHECK(shows_text(losses(train, {}), "loss"));
  train[50] = 1e9;
  CHECK(shows_text(losses(train, {}), "loss (log axis)"));
  train[50] = -1e9;  // no log axis could show that
  CHECK(shows_text(losses(train, {}), "loss (×10^{9})"));
}

TEST_CASE("lr_find: the suggestion is written, where there is one") {
  std::vector<double> lrs, ls;
  for (int i = 0; i < 40; ++i) {
    lrs.push_back(1e-5 * std::pow(1.3, i));
    ls.push_back(2.3 - 0.04 * i + (i > 35 ? (i - 35) : 0));
  }
  CHECK(shows_text(lr_find(lrs, ls, 0.0123), "suggested: 0.0123"));
  CHECK(shows_text(lr_find(lrs, ls, 2e-5), "suggested: 2×10^{−5}"));
  CHECK(shows_text(lr_find(lrs, ls, 0.0123), "10^{−3}"));
  for (const std::optional<double> none : {std::optional<double>{}, {0.0}, {kNan}, {-1.0}}) {
    const Canvas canvas = lr_find(lrs, ls, none);
    for (const TextBox& box : canvas.text_boxes()) {
      CHECK(box.text.find("suggested") == std::string::npos);
    }
  }
  CHECK(text_trouble(lr_find(lrs, ls, 9.0)) == "");
  CHECK(text_trouble(lr_find({}, {}, 0.1)) == "");
}

TEST_CASE("charts: what does not fit together is refused by name") {
  CHECK_THROWS_WITH_AS(color_dim({{"conv1", {{1, 2}, {1, 2, 3}}}}),
                       "[plot] 'conv1' has histograms of 2 and of 3 bins", std::invalid_argument);
  CHECK_THROWS_AS(dead_chart({{"conv1", {{1, 2}, {1}}}}), std::invalid_argument);
  CHECK_THROWS_AS(lr_find({1, 2}, {1}), std::invalid_argument);
  CHECK_THROWS_AS(lr_find({1, 2}, {1, 2}, {}, std::vector<double>{1}), std::invalid_argument);
  CHECK_THROWS_AS(losses({1, 2}, {}, LossOptions{.smoothing = 1}), std::invalid_argument);
  CHECK_THROWS_AS(image_grid({{2, 2, 1, {1, 2, 3}}}), std::invalid_argument);
  CHECK_THROWS_AS(image_grid({{1, 1, 2, {1, 2}}}), std::invalid_argument);
  CHECK_THROWS_AS(image_grid({{1, 1, 1, {1}}}, {{"a"}, {"b"}}), std::invalid_argument);
}

TEST_CASE("charts: the two forms agree, twice") {
  const TemporaryFolder folder;
  const auto panels = some_panels(2, 20);
  color_dim(folder.file("a.png"), panels);
  color_dim(folder.file("b.png"), panels);
  CHECK(file_bytes(folder.file("a.png")) == file_bytes(folder.file("b.png")));
  CHECK(file_bytes(folder.file("a.png")) == encode_png(color_dim(panels)));
  lr_find(folder.file("lr.png"), {1e-3, 1e-2}, {2, 1}, 1e-2);
  losses(folder.file("loss.png"), {2, 1}, {{2, 1.5}});
  plot_stats(folder.file("stats.png"), {{"a", {1, 2}, {3, 4}}});
  dead_chart(folder.file("dead.png"), panels);
  image_grid(folder.file("grid.png"), {{1, 1, 1, {7}}});
  CHECK(folder.entries() == 7);
  CHECK_THROWS_AS(losses(folder.file("none/a.png"), {1}, {}), std::runtime_error);
  CHECK(folder.entries() == 7);
}

TEST_CASE("update_stats: two panels, a line a weight, and gaps where there is nothing to show") {
  CHECK(text_trouble(update_stats({})) == "");
  std::vector<UpdateSeries> series;
  for (int i = 0; i < 12; ++i) {
    UpdateSeries line{"block." + std::to_string(i) + ".weight", {}, {}};
    for (int step = 0; step < 900; ++step) {
      line.gradients.push_back(std::exp(-0.01 * step + i));
      line.ratios.push_back(step % 50 == 0 ? 0 : 1e-3 * (1 + i));
    }
    series.push_back(line);
  }
  series.push_back({"never", {kNan, kNan}, {0, 0}});
  const Canvas canvas = update_stats(series, "Updates");
  CHECK(text_trouble(canvas) == "");
  for (const char* text : {"Updates", "block.3.weight", "norms of gradients", "step"})
    CHECK(shows_text(canvas, text));
}
