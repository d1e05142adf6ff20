// One direction of a plot: which numbers it spans, where they lie and how they are labelled.
#pragma once

#include <optional>
#include <string>

#include "learner/plot/ticks.h"

namespace kindling::plot {

enum class Scale { linear, log10 };

// The finite numbers seen so far; the positive ones apart, for log axes.
struct Range {
  std::optional<double> lo, hi, positive_lo, positive_hi;
  void add(double v);
};

struct Limits {
  double lo = 0, hi = 1;
};

// What the caller asked for.
struct AxisSpec {
  std::string label;
  Scale scale = Scale::linear;
  std::optional<Limits> fixed;
  bool integers = false;  // ticks at whole numbers only
  double margin = 0.04;   // share of the data's span left free at each end
};

// What came of it: lo < hi, finite (and positive on a log scale), whatever the data was.
struct AxisView {
  Scale scale = Scale::linear;
  double lo = 0, hi = 1;
  Ticks ticks;
  Label label;  // with the ticks' shared power of ten, if any

  // 0 at lo, 1 at hi. NaN for what a log axis cannot show.
  double fraction(double v) const;
};

// The limits for `data`: all of it and a margin; around a single value, a span of its size.
Limits limits_for(const AxisSpec& spec, const Range& data);

enum class Side { bottom, left };

// The view over an axis `length` logical pixels long, with as many ticks as their labels at
// `text_size` leave room for.
AxisView make_view(const AxisSpec& spec, const Range& data, double length, double text_size,
                   Side side);

}  // namespace kindling::plot
