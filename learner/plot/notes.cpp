#include "learner/plot/notes.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "learner/plot/legend.h"
#include "learner/plot/style.h"

namespace kindling::plot {
namespace {

constexpr double kNoteGap = 6;    // between a point or line and its note
constexpr double kNoteInset = 3;  // between a note and the plot's frame
constexpr double kNoteLine = 15;  // from one place beside a line to the next
constexpr int kPlacesOnLine = 12;

double half_width(const Label& text) { return text_width(text, kTickSize) / 2 + kNoteGap; }

}  // namespace

NotePlacer::NotePlacer(const Rect& plot, std::vector<Point> clutter, std::vector<Rect> taken)
    : plot_(plot), clutter_(std::move(clutter)), taken_(std::move(taken)) {}

std::vector<Point> NotePlacer::beside_point(Point at, double radius, const Label& text) const {
  const double dx = radius + half_width(text), dy = radius + 10;
  std::vector<Point> places;
  for (const double far : {1.0, 2.0, 3.5}) {
    for (const double side : {1.0, -1.0}) {
      places.push_back({at.x + side * dx, at.y - dy * far});
      places.push_back({at.x + side * dx, at.y + dy * far});
      places.push_back({at.x, at.y - side * (dy + 3) * far});
      if (far == 1) places.push_back({at.x + side * dx, at.y});
    }
  }
  return places;
}

std::vector<Point> NotePlacer::beside_vertical(double x, const Label& text) const {
  std::vector<Point> places;
  for (int i = 0; i < kPlacesOnLine; ++i) {
    const double y = plot_.y + 10 + kNoteLine * i;
    places.push_back({x + half_width(text), y});
    places.push_back({x - half_width(text), y});
  }
  return places;
}

std::vector<Point> NotePlacer::beside_horizontal(double y, const Label& text) const {
  std::vector<Point> places;
  for (int i = 0; i < kPlacesOnLine; ++i) {
    const double x = plot_.right() - half_width(text) - 2 * kNoteLine * i;
    places.push_back({x, y - 9});
    places.push_back({x, y + 9});
  }
  return places;
}

double NotePlacer::cost(const Rect& box, const Rect& wanted) const {
  double cost = count_inside(clutter_, box.grown(1));
  cost += (std::abs(box.x - wanted.x) + std::abs(box.y - wanted.y)) / 4;
  for (const Rect& other : taken_) cost += box.overlaps(other) ? 1e6 : 0;
  return cost;
}

void NotePlacer::write(Canvas& canvas, const Label& text, Color color,
                       const std::vector<Point>& places) {
  if (text.empty()) return;
  const double width = text_width(text, kTickSize), up = text_ascent(text, kTickSize);
  const double height = up + kTickSize * kDescent;
  const double left = plot_.x + kNoteInset, top = plot_.y + kNoteInset;
  const double right = std::max(left, plot_.right() - kNoteInset - width);
  const double bottom = std::max(top, plot_.bottom() - kNoteInset - height);
  double least = -1;
  Rect best;
  for (const Point& middle : places) {
    const Rect wanted{middle.x - width / 2, middle.y - height / 2, width, height};
    const Rect box{std::clamp(wanted.x, left, right), std::clamp(wanted.y, top, bottom), width,
                   height};
    const double here = cost(box, wanted);
    if (least < 0 || here < least) least = here, best = box;
  }
  canvas.fill_rect(best.grown(1.5), kWhite.with_alpha(0.75f));
  canvas.text({best.x, best.y + up}, text, kTickSize, color);
  taken_.push_back(best);
}

}  // namespace kindling::plot
