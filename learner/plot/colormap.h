// From numbers to colours: a map for heat pictures, a palette for lines.
#pragma once

#include <cstddef>

#include "learner/plot/color.h"

namespace kindling::plot {

// The colours from the lowest number to the highest.
enum class Colormap {
  aurora,  // dark violet, blue, green, yellow; the lightness grows evenly
  gray,    // black to white
};

// `t` in 0..1; what lies outside is clamped, NaN is a light gray that no map contains.
Color map_color(Colormap map, double t);

// CIE L* of a colour: 0 black, 100 white. How light it looks.
double lightness(Color color);

inline constexpr std::size_t kPaletteSize = 10;  // colours that can be told apart

// The i-th line's colour; repeats after kPaletteSize.
Color palette(std::size_t i);

}  // namespace kindling::plot
