// Axes, part two: the ink. Part one is axes.cpp.
#include <algorithm>
#include <cmath>
#include <utility>

#include "learner/plot/axes.h"
#include "learner/plot/axes_geometry.h"
#include "learner/plot/notes.h"
#include "learner/plot/style.h"

namespace kindling::plot {
namespace {

constexpr double kLonePoint = 1.8;  // radius

double text_center(double middle, double size) { return middle + size * kCapHeight / 2; }

// Shortens the caller's own words; a power of ten behind them stays.
Label fitted_label(Label label, double room) {
  const double over = text_width(label, kLabelSize) - room;
  std::string& words = label.runs[0].text;
  if (over > 0) words = shortened(words, kLabelSize, text_width(words, kLabelSize) - over);
  return label;
}

// Averages the values that fall on one cell of a coarser grid; NaN values do not count.
Matrix downsampled(const Matrix& m, int max_rows, int max_cols) {
  const int rows = std::min(m.rows, max_rows), cols = std::min(m.cols, max_cols);
  if (rows == m.rows && cols == m.cols) return m;
  Matrix out{rows, cols, std::vector<double>(static_cast<std::size_t>(rows) * cols)};
  const auto start = [](int i, int n, int cells) {
    return static_cast<int>(static_cast<long long>(i) * cells / n);
  };
  for (int r = 0; r < rows; ++r) {
    for (int c = 0; c < cols; ++c) {
      double sum = 0;
      int count = 0;
      for (int i = start(r, rows, m.rows); i < start(r + 1, rows, m.rows); ++i) {
        for (int j = start(c, cols, m.cols); j < start(c + 1, cols, m.cols); ++j) {
          const double v = m.values[static_cast<std::size_t>(i) * m.cols + j];
          if (!std::isnan(v)) sum += v, ++count;
        }
      }
      out.values[static_cast<std::size_t>(r) * cols + c] = count ? sum / count : std::nan("");
    }
  }
  return out;
}

}  // namespace

void Axes::draw(Canvas& canvas, const Layout& layout, const Rect& plot, double title_width) const {
  if (image_) {
    draw_image(canvas, layout, plot);
  } else if (grid_) {
    draw_grid(canvas, layout, plot);
  }
  draw_series(canvas, layout, plot);
  draw_frame(canvas, layout, plot);
  draw_legend(canvas, layout.legend, {plot.x, plot.y});
  draw_notes(canvas, layout, plot);
  draw_labels(canvas, layout, plot, title_width);
  if (image_ && image_style_.colorbar) draw_colorbar(canvas, layout, plot);
}

void Axes::draw_grid(Canvas& canvas, const Layout& layout, const Rect& plot) const {
  const Canvas::Clip clip(canvas, plot);
  for (const Tick& tick : layout.x.ticks.major) {
    const double x = plot.x + layout.x.fraction(tick.value) * plot.width;
    canvas.crisp_line({x, plot.y}, {x, plot.bottom()}, kGrid, kGridWidth);
  }
  for (const Tick& tick : layout.y.ticks.major) {
    const double y = plot.bottom() - layout.y.fraction(tick.value) * plot.height;
    canvas.crisp_line({plot.x, y}, {plot.right(), y}, kGrid, kGridWidth);
  }
}

void Axes::draw_image(Canvas& canvas, const Layout& layout, const Rect& plot) const {
  const Canvas::Clip clip(canvas, plot);
  const Point a = to_pixel(image_style_.x->lo, image_style_.y->lo, layout.x, layout.y, plot);
  const Point b = to_pixel(image_style_.x->hi, image_style_.y->hi, layout.x, layout.y, plot);
  const Rect where{a.x, b.y, b.x - a.x, a.y - b.y};
  const auto room = [&](double length) {
    return static_cast<int>(std::clamp(length * canvas.scale(), 1.0, 8192.0));
  };
  const Matrix m = downsampled(*image_, room(where.height), room(where.width));
  const Limits range = image_range();
  RgbImage pixels{m.rows, m.cols, {}};
  pixels.rgb.reserve(m.values.size() * 3);
  for (int r = m.rows - 1; r >= 0; --r) {  // row 0 of the data goes to the bottom
    for (int c = 0; c < m.cols; ++c) {
      const double v = m.values[static_cast<std::size_t>(r) * m.cols + c];
      const Color color = map_color(image_style_.colormap, (v - range.lo) / (range.hi - range.lo));
      pixels.rgb.insert(pixels.rgb.end(), {color.r, color.g, color.b});
    }
  }
  canvas.image(where, pixels);
}

void Axes::draw_colorbar(Canvas& canvas, const Layout& layout, const Rect& plot) const {
  const Rect bar{plot.right() + kColorbarGap, plot.y, kColorbarWidth, plot.height};
  RgbImage ramp{256, 1, {}};
  for (int i = 255; i >= 0; --i) {
    const Color color = map_color(image_style_.colormap, i / 255.0);
    ramp.rgb.insert(ramp.rgb.end(), {color.r, color.g, color.b});
  }
  canvas.image(bar, ramp);
  canvas.stroke_rect(bar, kFrame, kFrameWidth);
  for (const Tick& tick : layout.colorbar.ticks.major) {
    const double y = bar.bottom() - layout.colorbar.fraction(tick.value) * bar.height;
    canvas.crisp_line({bar.right(), y}, {bar.right() + kTickLength, y}, kFrame, kFrameWidth);
    canvas.text({bar.right() + kTickLength + kTickPad, text_center(y, kTickSize)}, tick.label,
                kTickSize, kInk);
  }
  if (!layout.colorbar.label.empty()) {
    const double x = bar.right() + kTickLength + kTickPad + widest_label(layout.colorbar.ticks) +
                     kLabelPad + kLabelSize * kAscent;
    canvas.text({x, plot.y + plot.height / 2}, fitted_label(layout.colorbar.label, plot.height + 8),
                kLabelSize, kInk, Align::center, Direction::upward);
  }
}

void Axes::draw_series(Canvas& canvas, const Layout& layout, const Rect& plot) const {
  const Canvas::Clip clip(canvas, plot);
  for (const Guide& g : guides_) {
    const double f = g.vertical ? layout.x.fraction(g.at) : layout.y.fraction(g.at);
    const double x = plot.x + f * plot.width, y = plot.bottom() - f * plot.height;
    const Point a = g.vertical ? Point{x, plot.bottom()} : Point{plot.x, y};
    const Point b = g.vertical ? Point{x, plot.y} : Point{plot.right(), y};
    const Point ends[] = {a, b};
    canvas.polyline(ends, {*g.style.color, g.style.width, g.style.dash});
  }
  for (const Series& s : series_) {
    const std::vector<Point> line = to_pixels(s.xs, s.ys, layout.x, layout.y, plot);
    if (s.style.joined) canvas.polyline(line, {*s.style.color, s.style.width, s.style.dash});
    for (std::size_t i = 0; i < line.size(); ++i) {
      // A point between gaps has no line to be seen by.
      const bool alone =
          !(i > 0 && finite(line[i - 1])) && !(i + 1 < line.size() && finite(line[i + 1]));
      const double radius = std::max(s.style.marker, alone ? kLonePoint : 0);
      if (radius > 0) canvas.disc(line[i], radius, *s.style.color);
    }
  }
  if (!has_data()) {
    canvas.text({plot.x + plot.width / 2, text_center(plot.y + plot.height / 2, kLabelSize)},
                "no data", kLabelSize, kMuted, Align::center);
  }
}

void Axes::draw_frame(Canvas& canvas, const Layout& layout, const Rect& plot) const {
  const auto x_tick = [&](double value, double length) {
    const double x = plot.x + layout.x.fraction(value) * plot.width;
    canvas.crisp_line({x, plot.bottom()}, {x, plot.bottom() + length}, kFrame, kFrameWidth);
    return x;
  };
  const auto y_tick = [&](double value, double length) {
    const double y = plot.bottom() - layout.y.fraction(value) * plot.height;
    canvas.crisp_line({plot.x - length, y}, {plot.x, y}, kFrame, kFrameWidth);
    return y;
  };
  for (const double v : layout.x.ticks.minor) x_tick(v, kMinorTickLength);
  for (const double v : layout.y.ticks.minor) y_tick(v, kMinorTickLength);
  const double beside = kTickLength + kTickPad;
  const double base = plot.bottom() + beside + kTickSize * text_rise(layout.x.ticks);
  for (const Tick& tick : layout.x.ticks.major) {
    const double x = x_tick(tick.value, kTickLength);
    canvas.text({x, base}, tick.label, kTickSize, kInk, Align::center);
  }
  for (const Tick& tick : layout.y.ticks.major) {
    const double y = y_tick(tick.value, kTickLength);
    canvas.text({plot.x - beside, text_center(y, kTickSize)}, tick.label, kTickSize, kInk,
                Align::right);
  }
  canvas.stroke_rect(plot, kFrame, kFrameWidth);
}

void Axes::draw_notes(Canvas& canvas, const Layout& layout, const Rect& plot) const {
  if (notes_.empty() && guides_.empty()) return;
  const Canvas::Clip clip(canvas, plot.grown(4));
  std::vector<Point> points = clutter(layout);
  for (Point& p : points) p.x += plot.x, p.y += plot.y;
  std::vector<Rect> taken;
  if (!layout.legend.empty() && !layout.legend.outside) {
    const Rect& box = layout.legend.box;
    taken.push_back({box.x + plot.x, box.y + plot.y, box.width, box.height});
  }
  NotePlacer placer(plot, std::move(points), std::move(taken));
  for (const Note& n : notes_) {
    const Point at = to_pixel(n.x, n.y, layout.x, layout.y, plot);
    if (!finite(at)) continue;
    canvas.disc(at, n.radius, n.color);
    placer.write(canvas, n.text, n.color, placer.beside_point(at, n.radius, n.text));
  }
  for (const Guide& g : guides_) {
    const double f = g.vertical ? layout.x.fraction(g.at) : layout.y.fraction(g.at);
    if (!(f >= 0 && f <= 1)) continue;  // not in the picture
    const auto places = g.vertical
                            ? placer.beside_vertical(plot.x + f * plot.width, g.note)
                            : placer.beside_horizontal(plot.bottom() - f * plot.height, g.note);
    placer.write(canvas, g.note, g.style.color->with_alpha(1), places);
  }
}

void Axes::draw_labels(Canvas& canvas, const Layout& layout, const Rect& plot,
                       double title_width) const {
  const double center = plot.x + plot.width / 2;
  if (!title_.empty()) {
    canvas.text({center, plot.y - kTitlePad - kTitleSize * kDescent},
                shortened(title_, kTitleSize, title_width), kTitleSize, kInk, Align::center);
  }
  const double beside = kTickLength + kTickPad;
  if (!layout.x.label.empty()) {
    const double y = plot.bottom() + beside + kTickSize * (text_rise(layout.x.ticks) + kDescent) +
                     kLabelPad + kLabelSize * kAscent;
    canvas.text({center, y}, fitted_label(layout.x.label, plot.width), kLabelSize, kInk,
                Align::center);
  }
  if (!layout.y.label.empty()) {
    const double x =
        plot.x - beside - widest_label(layout.y.ticks) - kLabelPad - kLabelSize * kDescent;
    canvas.text({x, plot.y + plot.height / 2}, fitted_label(layout.y.label, plot.height + 8),
                kLabelSize, kInk, Align::center, Direction::upward);
  }
}

}  // namespace kindling::plot
