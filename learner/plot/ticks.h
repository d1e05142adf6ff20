// Round numbers for an axis, and how to write them.
#pragma once

#include <string>
#include <vector>

#include "learner/plot/font.h"

namespace kindling::plot {

// A number on an axis, and how it is written there.
struct Tick {
  double value;  // in data coordinates
  Label label;   // of value / 10^exponent, see Ticks
};

// Those of one axis.
struct Ticks {
  std::vector<Tick> major;    // ascending
  std::vector<double> minor;  // without labels; log axes only
  int exponent = 0;           // labels show value / 10^exponent, and the axis says so
};

// A step of mantissa * 10^exponent with a mantissa of 1, 2 or 5.
struct Step {
  int mantissa;  // 1, 2 or 5
  int exponent;  // power of ten
  // The step as a number.
  double value() const;
  // Field by field.
  bool operator==(const Step&) const = default;
};

// The smallest such step that covers `span` > 0 in at most `intervals` >= 1 steps.
Step nice_step(double span, int intervals);

// Multiples of a nice step within [lo, hi], lo < hi, both finite: as many as possible but at most
// max(max_ticks, 2).
// `integers`: no fractions (a batch has none).
Ticks linear_ticks(double lo, double hi, int max_ticks, bool integers = false);

// Powers of ten within [lo, hi], 0 < lo < hi, every n-th where they are many, with minor ticks
// between them; where there are fewer than two, also 2, 5 or all multiples of them, and where those
// are too few as well, linear_ticks().
Ticks log_ticks(double lo, double hi, int max_ticks);

// `value` to `digits` significant digits as people write it: 0.0032, 250, 3.2×10⁻⁷, −1, nan.
Label number_label(double value, int digits);

// A whole number as people write it: 51234 -> "51,234".
std::string with_commas(double number);

// {"10", "-3" raised}
Label power_of_ten(int exponent);

}  // namespace kindling::plot
