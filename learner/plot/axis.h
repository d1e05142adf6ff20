// One direction of a plot: which numbers it spans, where they lie and how they are labelled.
#pragma once

#include <optional>
#include <string>

#include "learner/plot/ticks.h"

namespace kindling::plot {

// Equal lengths of an axis are equal differences, or equal ratios.
enum class Scale { linear, log10 };

// The finite numbers seen so far; the positive ones apart, for log axes.
struct Range {
  // The smallest and the largest; none before the first.
  // @{
  std::optional<double> lo, hi, positive_lo, positive_hi;
  // @}
  void add(double v);  // takes no notice of NaN and infinities
};

// Where an axis begins and ends.
struct Limits {
  double lo = 0;  // at the left or the bottom
  double hi = 1;  // at the right or the top
};

// What the caller asked for.
struct AxisSpec {
  std::string label;            // empty: none
  Scale scale = Scale::linear;  // log10 shows positive numbers only
  std::optional<Limits> fixed;  // instead of the data's; not on a log axis if they reach down to 0
  bool integers = false;        // ticks at whole numbers only, on a linear axis
  double margin = 0.04;         // share of the data's span left free at each end
};

// What came of it: lo < hi, finite (and positive on a log scale), whatever the data was.
struct AxisView {
  Scale scale = Scale::linear;  // as asked for
  double lo = 0;                // the number at the left or the bottom
  double hi = 1;                // at the right or the top
  Ticks ticks;                  // those within lo and hi
  Label label;                  // with the ticks' shared power of ten, if any

  // 0 at lo, 1 at hi. NaN for what a log axis cannot show.
  double fraction(double v) const;
};

// The limits for `data`: all of it and a margin; around a single value a tenth of it to either side
// (a half around 0 and, with `integers`, below a million), on a log axis a factor of two. Without
// data 0..1, on a log axis 0.1..10. Fixed limits get no margin.
Limits limits_for(const AxisSpec& spec, const Range& data);

// Where an axis stands: at the bottom its labels are side by side and must not touch.
enum class Side { bottom, left };

// The view over an axis `length` logical pixels long, with as many ticks as their labels at
// `text_size` leave room for.
AxisView make_view(const AxisSpec& spec, const Range& data, double length, double text_size,
                   Side side);

}  // namespace kindling::plot
