// Sizes that all pictures share, in logical pixels.
#pragma once

#include "learner/plot/color.h"

namespace kindling::plot {

inline constexpr double kTickSize = 9;       // text at ticks, in legends and notes
inline constexpr double kLabelSize = 10;     // axis labels
inline constexpr double kTitleSize = 11.5;   // above a plot
inline constexpr double kSuptitleSize = 14;  // above a figure

inline constexpr double kPageMargin = 14;  // around a picture without axes

inline constexpr double kTickLength = 3.5;     // of ticks with labels
inline constexpr double kMinorTickLength = 2;  // of those between them
inline constexpr double kTickPad = 3;          // between a tick and its label
inline constexpr double kLabelPad = 5;         // between tick labels and the axis label
inline constexpr double kTitlePad = 7;         // between a title and the plot
inline constexpr double kFrameWidth = 0.75;    // of the lines around a plot, and of ticks
inline constexpr double kGridWidth = 0.5;      // of the lines behind the data

inline constexpr Color kLegendFrame{205, 205, 210};  // around a legend inside a plot

}  // namespace kindling::plot
