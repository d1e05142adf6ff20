// Where a word may stand in a plot: beside what it is about, hiding little, in nobody's way.
#pragma once

#include <vector>

#include "learner/plot/canvas.h"

namespace kindling::plot {

// For the notes of one plot; each stays clear of those that were written before it.
class NotePlacer {
 public:
  // `clutter`: points of the drawn data; `taken`: boxes to keep clear of. All on the canvas.
  NotePlacer(const Rect& plot, std::vector<Point> clutter, std::vector<Rect> taken);

  // Middles of the places where a note about a point (marked by a dot of `radius`), a vertical
  // line at `x` or a horizontal one at `y` could stand; the best ones first.
  // @{
  std::vector<Point> beside_point(Point at, double radius, const Label& text) const;
  std::vector<Point> beside_vertical(double x, const Label& text) const;
  std::vector<Point> beside_horizontal(double y, const Label& text) const;
  // @}

  // Writes `text` at the place that costs least, and takes that place. There must be a place.
  void write(Canvas& canvas, const Label& text, Color color, const std::vector<Point>& places);

 private:
  double cost(const Rect& box, const Rect& wanted) const;

  Rect plot_;
  std::vector<Point> clutter_;
  std::vector<Rect> taken_;
};

}  // namespace kindling::plot
