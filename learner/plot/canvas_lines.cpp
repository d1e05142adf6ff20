// Canvas, part two: lines of any width, and discs, which are lines of no length.
#include <algorithm>
#include <cmath>
#include <utility>

#include "learner/plot/canvas.h"

namespace kindling::plot {
namespace {

constexpr double kDashOn = 4, kDashOff = 2.6, kDotOn = 0.01, kDotOff = 2.4;  // stroke widths

double distance(Point a, Point b) { return std::hypot(b.x - a.x, b.y - a.y); }
Point between(Point a, Point b, double t) {
  return {a.x * (1 - t) + b.x * t, a.y * (1 - t) + b.y * t};
}

// Liang-Barsky: cuts a-b down to the part inside [x0, x1] x [y0, y1]. False: nothing is inside.
// The points may be as large as doubles get: differences are taken of halves, and a coordinate
// that was cut is set to the edge itself, where interpolation would have no digits left.
bool cut_to_box(Point& a, Point& b, double x0, double y0, double x1, double y1) {
  struct Crossing {
    double t;
    double Point::*axis;
    double edge;
  };
  Crossing enter{0, nullptr, 0}, leave{1, nullptr, 0};
  const auto cut = [&](double Point::*axis, double low, double high) {
    const double half = b.*axis / 2 - a.*axis / 2;
    if (half == 0) return low <= a.*axis && a.*axis <= high;
    if (half < 0) std::swap(low, high);
    const double first = (low / 2 - a.*axis / 2) / half, last = (high / 2 - a.*axis / 2) / half;
    if (first > enter.t) enter = {first, axis, low};
    if (last < leave.t) leave = {last, axis, high};
    return enter.t <= leave.t;
  };
  if (!cut(&Point::x, x0, x1) || !cut(&Point::y, y0, y1)) return false;
  const Point start = a, end = b;
  if (enter.axis) a = between(start, end, enter.t), a.*enter.axis = enter.edge;
  if (leave.axis) b = between(start, end, leave.t), b.*leave.axis = leave.edge;
  return true;
}

double distance_to_segment(Point p, Point a, Point b) {
  const double dx = b.x - a.x, dy = b.y - a.y, squared = dx * dx + dy * dy;
  const double t = squared > 0 ? ((p.x - a.x) * dx + (p.y - a.y) * dy) / squared : 0;
  return distance(p, between(a, b, std::clamp(t, 0.0, 1.0)));
}

}  // namespace

void Canvas::polyline(std::span<const Point> points, const Stroke& stroke) {
  const double width = stroke.width * scale_, reach = width + 2;
  const bool dashed = stroke.dash != Dash::solid;
  const double on = width * (stroke.dash == Dash::dashed ? kDashOn : kDotOn);
  const double off = width * (stroke.dash == Dash::dashed ? kDashOff : kDotOff);
  std::vector<Segment> segments;
  double phase = 0;  // how far into the dash pattern the pen is
  const auto add = [&](Point a, Point b) {
    const Point start = a, end = b;
    if (!cut_to_box(a, b, clip_[0] - reach, clip_[1] - reach, clip_[2] + reach, clip_[3] + reach)) {
      return;
    }
    const double length = distance(a, b);
    if (!dashed || length == 0) {
      segments.push_back({a, b});
      return;
    }
    const double period = on + off, skipped = std::fmod(distance(start, a), period);
    double at = -std::fmod(phase + (std::isfinite(skipped) ? skipped : 0), period);
    for (; at < length; at += period) {
      const double from = std::max(at, 0.0), to = std::min(at + on, length);
      if (from <= to)
        segments.push_back({between(a, b, from / length), between(a, b, to / length)});
    }
    const double whole = std::fmod(phase + distance(start, end), period);
    phase = std::isfinite(whole) ? whole : 0;
  };
  for (std::size_t i = 0; i < points.size(); ++i) {
    if (!finite(points[i])) continue;
    const Point here{points[i].x * scale_, points[i].y * scale_};
    const bool before = i > 0 && finite(points[i - 1]);
    const bool after = i + 1 < points.size() && finite(points[i + 1]);
    if (after) {
      add(here, {points[i + 1].x * scale_, points[i + 1].y * scale_});
    } else if (!before) {
      add(here, here);
      phase = 0;
    }
  }
  stamp_segments(segments, width, stroke.color);
}

// The coverage of a pixel depends on its distance from the nearest segment alone: a ramp one
// pixel wide across the edge. Taking the largest coverage over all segments before blending
// is what keeps joints free of gaps and of dark spots.
void Canvas::stamp_segments(std::span<const Segment> segments, double width, Color color) {
  if (segments.empty() || clip_[0] >= clip_[2] || clip_[1] >= clip_[3]) return;
  const double radius = std::max(width, 1.0) / 2, reach = radius + 0.5;
  if (width < 1) color.alpha *= static_cast<float>(std::max(width, 0.0));  // thinner: fainter
  double low_x = clip_[2], low_y = clip_[3], high_x = clip_[0], high_y = clip_[1];
  for (const auto& [a, b] : segments) {
    low_x = std::min({low_x, a.x, b.x}), high_x = std::max({high_x, a.x, b.x});
    low_y = std::min({low_y, a.y, b.y}), high_y = std::max({high_y, a.y, b.y});
  }
  const int x0 = std::max(clip_[0], to_pixel(low_x - reach - 1));
  const int y0 = std::max(clip_[1], to_pixel(low_y - reach - 1));
  const int x1 = std::min(clip_[2], to_pixel(high_x + reach + 2));
  const int y1 = std::min(clip_[3], to_pixel(high_y + reach + 2));
  if (x0 >= x1 || y0 >= y1) return;
  const int mask_width = x1 - x0;
  std::vector<float> mask(static_cast<std::size_t>(mask_width) * (y1 - y0), 0.0f);
  for (const auto& [a, b] : segments) {
    const int top = std::max(y0, to_pixel(std::floor(std::min(a.y, b.y) - reach)));
    const int bottom = std::min(y1, to_pixel(std::ceil(std::max(a.y, b.y) + reach)));
    for (int y = top; y < bottom; ++y) {
      // Only the part of the segment within reach of this row can colour it.
      const double row = y + 0.5;
      Point p = a, q = b;
      if (!cut_to_box(p, q, -1e9, row - reach, 1e9, row + reach)) continue;
      const int left = std::max(x0, to_pixel(std::floor(std::min(p.x, q.x) - reach)));
      const int right = std::min(x1, to_pixel(std::ceil(std::max(p.x, q.x) + reach)));
      float* line = &mask[static_cast<std::size_t>(y - y0) * mask_width];
      for (int x = left; x < right; ++x) {
        const double c = reach - distance_to_segment({x + 0.5, row}, a, b);
        line[x - x0] = std::max(line[x - x0], static_cast<float>(std::clamp(c, 0.0, 1.0)));
      }
    }
  }
  for (int y = y0; y < y1; ++y) {
    for (int x = x0; x < x1; ++x) {
      const float c = mask[static_cast<std::size_t>(y - y0) * mask_width + (x - x0)];
      if (c > 0) blend(x, y, color, c);
    }
  }
}

void Canvas::disc(Point center, double radius, Color color) {
  const Point c{center.x * scale_, center.y * scale_};
  if (!finite(c) || !(radius > 0)) return;
  const Segment dot{c, c};
  stamp_segments({&dot, 1}, 2 * radius * scale_, color);
}

}  // namespace kindling::plot
