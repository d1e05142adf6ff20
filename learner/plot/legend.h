// Who is who in a plot: small samples of the lines and their names.
#pragma once

#include <string>
#include <vector>

#include "learner/plot/canvas.h"

namespace kindling::plot {

// One line of a plot, or one cloud of dots.
struct LegendEntry {
  std::string label;        // right of the sample
  Color color;              // of the sample; the label is in kInk
  double width = 1.5;       // of the line sample; 0: no line
  Dash dash = Dash::solid;  // of the line sample
  double marker = 0;        // radius of the dot on it; 0: none
};

// Where a legend goes.
enum class LegendPlace {
  automatic,  // the corner that hides the least data; outside if every corner hides much
  outside,    // to the right of the plot
  none,
};

// A legend laid out beside or inside a plot of a given size. Its rectangle is relative to the
// plot's top left corner; outside, it starts right of the plot, after `gap` pixels.
struct Legend {
  std::vector<LegendEntry> entries;  // labels shortened to fit; the last may be "+ 7 more"
  bool outside = false;              // else in a corner of the plot, in a frame
  Rect box;                          // logical pixels
  // Nothing to draw.
  bool empty() const { return entries.empty(); }
};

// `clutter`: points of the drawn data, relative to the plot's top left corner.
Legend lay_out_legend(const std::vector<LegendEntry>& entries, LegendPlace place, double width,
                      double height, const std::vector<Point>& clutter, double gap);

// `plot_corner`: the plot's top left corner on the canvas.
void draw_legend(Canvas& canvas, const Legend& legend, Point plot_corner);

// How many of `clutter` lie in `rect`.
int count_inside(const std::vector<Point>& clutter, const Rect& rect);

}  // namespace kindling::plot
