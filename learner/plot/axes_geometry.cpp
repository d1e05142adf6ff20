#include "learner/plot/axes_geometry.h"

#include <algorithm>
#include <cmath>

#include "learner/plot/style.h"

namespace kindling::plot {
namespace {

constexpr double kSampleStep = 4;    // logical pixels between samples of a line
constexpr double kMaxSamples = 400;  // of one segment; it may be millions of pixels long
constexpr double kColumn = 0.5;      // logical pixels
constexpr std::size_t kThinFrom = 512;

// The run [first, last) of points in one column, reduced to four in their order.
void add_extremes(std::vector<Point>& out, const std::vector<Point>& points, std::size_t first,
                  std::size_t last) {
  if (last - first <= 4) {
    out.insert(out.end(), points.begin() + first, points.begin() + last);
    return;
  }
  const auto begin = points.begin() + first, end = points.begin() + last;
  const auto [low, high] = std::ranges::minmax_element(begin, end, {}, &Point::y);
  out.push_back(*begin);
  out.push_back(*std::min(low, high));
  out.push_back(*std::max(low, high));
  out.push_back(*(end - 1));
}

}  // namespace

double widest_label(const Ticks& ticks) {
  double widest = 0;
  for (const Tick& tick : ticks.major) {
    widest = std::max(widest, text_width(tick.label, kTickSize));
  }
  return widest;
}

double text_rise(const Ticks& ticks) {
  double rise = kAscent;
  for (const Tick& tick : ticks.major) rise = std::max(rise, text_ascent(tick.label, 1));
  return rise;
}

Point to_pixel(double x, double y, const AxisView& x_view, const AxisView& y_view,
               const Rect& plot) {
  return {plot.x + x_view.fraction(x) * plot.width,
          plot.bottom() - y_view.fraction(y) * plot.height};
}

std::vector<Point> to_pixels(const std::vector<double>& xs, const std::vector<double>& ys,
                             const AxisView& x_view, const AxisView& y_view, const Rect& plot) {
  std::vector<Point> all(xs.size());
  for (std::size_t i = 0; i < xs.size(); ++i) {
    all[i] = to_pixel(xs[i], ys[i], x_view, y_view, plot);
  }
  if (all.size() < kThinFrom) return all;
  std::vector<Point> thin;
  for (std::size_t first = 0; first < all.size();) {
    std::size_t last = first + 1;
    if (finite(all[first])) {
      const double column = std::floor(all[first].x / kColumn);
      while (last < all.size() && finite(all[last]) &&
             std::floor(all[last].x / kColumn) == column) {
        ++last;
      }
    }
    add_extremes(thin, all, first, last);
    first = last;
  }
  return thin;
}

void add_samples(std::vector<Point>& samples, const std::vector<Point>& line, bool joined,
                 const Rect& plot) {
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (!finite(line[i])) continue;
    if (plot.contains(line[i])) samples.push_back(line[i]);
    if (!joined || i + 1 == line.size() || !finite(line[i + 1])) continue;
    const Point a = line[i], b = line[i + 1];
    const double steps =
        std::min(kMaxSamples, std::floor(std::hypot(b.x - a.x, b.y - a.y) / kSampleStep));
    for (double s = 1; s < steps; ++s) {
      const Point p{a.x + (b.x - a.x) * s / steps, a.y + (b.y - a.y) * s / steps};
      if (plot.contains(p)) samples.push_back(p);
    }
  }
}

}  // namespace kindling::plot
