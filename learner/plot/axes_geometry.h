// Between data and pixels: what axes.cpp (room) and axes_draw.cpp (ink) both need to know.
#pragma once

#include <cmath>
#include <vector>

#include "learner/plot/axis.h"
#include "learner/plot/canvas.h"

namespace kindling::plot {

inline constexpr double kOutsideGap = 6;     // between a plot and a legend outside of it
inline constexpr double kColorbarGap = 8;    // between a plot and its colour bar
inline constexpr double kColorbarWidth = 9;  // logical pixels, like the gaps

// In logical pixels, at the size of ticks; 0 without ticks.
double widest_label(const Ticks& ticks);
// Ascent of the highest label, in em.
double text_rise(const Ticks& ticks);

// A data point in logical pixels, be it outside of `plot`; NaN for what a log axis cannot show.
Point to_pixel(double x, double y, const AxisView& x_view, const AxisView& y_view,
               const Rect& plot);

// A line of as many xs as ys in logical pixels, not clipped. From 512 points on it is thinned: of
// the points in one column of half pixels the first, lowest, highest and last remain, which draw
// the same ink.
std::vector<Point> to_pixels(const std::vector<double>& xs, const std::vector<double>& ys,
                             const AxisView& x_view, const AxisView& y_view, const Rect& plot);

// Adds points on the line (every few pixels, if joined) that lie in `plot` to `samples`.
void add_samples(std::vector<Point>& samples, const std::vector<Point>& line, bool joined,
                 const Rect& plot);

}  // namespace kindling::plot
