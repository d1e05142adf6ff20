// Axes, part one: what a plot holds and how much room it needs. Part two is axes_draw.cpp.
#include "learner/plot/axes.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>

#include "learner/plot/axes_geometry.h"
#include "learner/plot/style.h"

namespace kindling::plot {
namespace {

Limits checked_limits(double lo, double hi) {
  if (!std::isfinite(lo) || !std::isfinite(hi)) {
    throw std::invalid_argument("[plot] axis limits must be finite");
  }
  return {std::min(lo, hi), std::max(lo, hi)};
}

void check_lengths(const std::vector<double>& xs, const std::vector<double>& ys) {
  if (xs.size() != ys.size()) {
    throw std::invalid_argument("[plot] a line with " + std::to_string(xs.size()) + " x but " +
                                std::to_string(ys.size()) + " y values");
  }
}

}  // namespace

Axes& Axes::title(std::string text) { return title_ = std::move(text), *this; }
Axes& Axes::x_label(std::string text) { return x_.label = std::move(text), *this; }
Axes& Axes::y_label(std::string text) { return y_.label = std::move(text), *this; }
Axes& Axes::x_scale(Scale scale) { return x_.scale = scale, *this; }
Axes& Axes::y_scale(Scale scale) { return y_.scale = scale, *this; }
Axes& Axes::x_limits(double lo, double hi) { return x_.fixed = checked_limits(lo, hi), *this; }
Axes& Axes::y_limits(double lo, double hi) { return y_.fixed = checked_limits(lo, hi), *this; }
Axes& Axes::x_integers() { return x_.integers = true, *this; }
Axes& Axes::grid(bool on) { return grid_ = on, *this; }
Axes& Axes::legend(LegendPlace place) { return legend_place_ = place, *this; }

LineStyle Axes::with_color(LineStyle style) {
  if (!style.color) {
    // Past the palette's end colours come back, but dashed.
    if (colors_used_ / kPaletteSize % 2 == 1 && style.dash == Dash::solid) {
      style.dash = Dash::dashed;
    }
    style.color = palette(colors_used_++);
  }
  style.color->alpha *= static_cast<float>(style.alpha);
  return style;
}

Axes& Axes::line(std::vector<double> xs, std::vector<double> ys, std::string label,
                 LineStyle style) {
  check_lengths(xs, ys);
  series_.push_back({std::move(xs), std::move(ys), std::move(label), with_color(style)});
  return *this;
}

Axes& Axes::scatter(std::vector<double> xs, std::vector<double> ys, std::string label,
                    LineStyle style) {
  style.joined = false;
  if (style.marker <= 0) style.marker = 2.2;
  return line(std::move(xs), std::move(ys), std::move(label), style);
}

Axes& Axes::vertical_line(double x, Label note, LineStyle style) {
  if (!style.color) style.color = kMuted;
  guides_.push_back({true, x, std::move(note), with_color(style)});
  return *this;
}

Axes& Axes::horizontal_line(double y, Label note, LineStyle style) {
  if (!style.color) style.color = kMuted;
  guides_.push_back({false, y, std::move(note), with_color(style)});
  return *this;
}

Axes& Axes::annotate(double x, double y, Label note, Color color, double radius) {
  notes_.push_back({x, y, std::move(note), color, radius});
  return *this;
}

Axes& Axes::image(Matrix matrix, ImageStyle style) {
  const auto cells = static_cast<std::size_t>(std::max(matrix.rows, 0)) *
                     static_cast<std::size_t>(std::max(matrix.cols, 0));
  if (matrix.values.size() != cells) {
    throw std::invalid_argument("[plot] a matrix of " + std::to_string(matrix.rows) + " x " +
                                std::to_string(matrix.cols) + " with " +
                                std::to_string(matrix.values.size()) + " values");
  }
  for (const std::optional<Limits>& edges : {style.x, style.y}) {
    if (edges &&
        !(std::isfinite(edges->lo) && std::isfinite(edges->hi) && edges->lo <= edges->hi)) {
      throw std::invalid_argument("[plot] an image from " + std::to_string(edges->lo) + " to " +
                                  std::to_string(edges->hi) + ": finite and ascending expected");
    }
  }
  if (!style.x) style.x = {-0.5, matrix.cols - 0.5};
  if (!style.y) style.y = {-0.5, matrix.rows - 0.5};
  image_ = std::move(matrix);
  image_style_ = std::move(style);
  return *this;
}

bool Axes::has_data() const {
  const auto shows = [](const Series& s) {
    for (std::size_t i = 0; i < s.xs.size(); ++i) {
      if (std::isfinite(s.xs[i]) && std::isfinite(s.ys[i])) return true;
    }
    return false;
  };
  return std::ranges::any_of(series_, shows) || (image_ && !image_->values.empty()) ||
         !guides_.empty() || !notes_.empty();
}

Limits Axes::image_range() const {
  Range range;
  if (image_) {
    for (const double v : image_->values) range.add(v);
  }
  Limits limits{image_style_.lo.value_or(range.lo.value_or(0)),
                image_style_.hi.value_or(range.hi.value_or(1))};
  if (!(limits.hi > limits.lo)) limits.hi = limits.lo + 1;  // all equal: all at the low end
  return limits;
}

std::vector<LegendEntry> Axes::legend_entries() const {
  std::vector<LegendEntry> entries;
  for (const Series& s : series_) {
    if (s.label.empty()) continue;
    const double width = s.style.joined ? s.style.width : 0;
    entries.push_back({s.label, *s.style.color, width, s.style.dash, s.style.marker});
  }
  return entries;
}

std::vector<Point> Axes::clutter(const Layout& layout) const {
  const Rect plot{0, 0, layout.width, layout.height};
  std::vector<Point> points;
  for (const Series& s : series_) {
    const auto line = to_pixels(s.xs, s.ys, layout.x, layout.y, plot);
    add_samples(points, line, s.style.joined, plot);
  }
  return points;
}

Axes::Layout Axes::lay_out(double width, double height) const {
  Layout layout{width, height, 0, 0, 0, 0, {}, {}, {}, {}};
  Range xs, ys;
  for (const Series& s : series_) {
    for (const double v : s.xs) xs.add(v);
    for (const double v : s.ys) ys.add(v);
  }
  for (const Guide& g : guides_) (g.vertical ? xs : ys).add(g.at);
  for (const Note& n : notes_) xs.add(n.x), ys.add(n.y);
  AxisSpec x = x_, y = y_;
  if (image_ && !x.fixed) x.fixed = image_style_.x;
  if (image_ && !y.fixed) y.fixed = image_style_.y;
  layout.x = make_view(x, xs, width, kTickSize, Side::bottom);
  layout.y = make_view(y, ys, height, kTickSize, Side::left);
  layout.legend =
      lay_out_legend(legend_entries(), legend_place_, width, height, clutter(layout), kOutsideGap);

  const double beside = kTickLength + kTickPad, line = kLabelSize * (kAscent + kDescent);
  layout.left = beside + widest_label(layout.y.ticks);
  if (!layout.y.label.empty()) layout.left += kLabelPad + line;
  layout.bottom = beside + kTickSize * (text_rise(layout.x.ticks) + kDescent);
  if (!layout.x.label.empty()) layout.bottom += kLabelPad + line;
  layout.top = kTickSize * 0.6;  // half of the topmost tick's label
  if (!title_.empty()) layout.top = kTitlePad + kTitleSize * (kAscent + kDescent);
  // The outermost x labels reach past the plot's corners.
  for (const Tick& tick : layout.x.ticks.major) {
    const double middle = layout.x.fraction(tick.value) * width;
    const double half = text_width(tick.label, kTickSize) / 2;
    layout.left = std::max(layout.left, half - middle);
    layout.right = std::max(layout.right, middle + half - width);
  }
  if (image_ && image_style_.colorbar) {
    const Limits range = image_range();
    AxisSpec spec;
    spec.label = image_style_.colorbar_label;
    spec.fixed = range;
    layout.colorbar = make_view(spec, {}, height, kTickSize, Side::left);
    layout.right = kColorbarGap + kColorbarWidth + beside + widest_label(layout.colorbar.ticks);
    if (!layout.colorbar.label.empty()) layout.right += kLabelPad + line;
  }
  if (!layout.legend.empty() && layout.legend.outside) {
    if (image_ && image_style_.colorbar) layout.legend.box.x += layout.right;
    layout.right = std::max(layout.right, layout.legend.box.right() - width);
  }
  return layout;
}

}  // namespace kindling::plot
