#include "learner/plot/colormap.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

namespace kindling::plot {
namespace {

constexpr int kSteps = 256;
constexpr Color kNotANumber{214, 214, 214};
constexpr double kWhiteX = 0.95047, kWhiteZ = 1.08883;  // D65, the white of sRGB

// The path through CIE L*C*h (lightness, colourfulness, hue angle) that `aurora` follows. The
// lightness runs evenly from end to end; hue and colourfulness pass through these knots.
constexpr double kDarkest = 13, kLightest = 92;
struct Knot {
  double t, chroma, hue;
};
constexpr Knot kPath[] = {{0.00, 38, 312}, {0.15, 45, 300}, {0.30, 37, 274},
                          {0.45, 29, 240}, {0.60, 33, 199}, {0.70, 43, 169},
                          {0.80, 55, 143}, {0.90, 69, 122}, {1.00, 82, 105}};

struct LinearRgb {
  double r, g, b;
  bool shown() const {  // can a screen show it?
    const auto in = [](double v) { return v >= -1e-9 && v <= 1 + 1e-9; };
    return in(r) && in(g) && in(b);
  }
};

double uncompressed(double f) {  // inverse of the cube root in L*a*b*
  return f > 6.0 / 29 ? f * f * f : (f - 4.0 / 29) * 3 * 36 / 841;
}

LinearRgb from_lch(double light, double chroma, double hue) {
  const double angle = hue * std::numbers::pi / 180;
  const double fy = (light + 16) / 116;
  const double x = kWhiteX * uncompressed(fy + chroma * std::cos(angle) / 500);
  const double y = uncompressed(fy);
  const double z = kWhiteZ * uncompressed(fy - chroma * std::sin(angle) / 200);
  return {3.2404542 * x - 1.5371385 * y - 0.4985314 * z,
          -0.9692660 * x + 1.8760108 * y + 0.0415560 * z,
          0.0556434 * x - 0.2040259 * y + 1.0572252 * z};
}

std::uint8_t to_srgb(double v) {
  v = std::clamp(v, 0.0, 1.0);
  const double s = v <= 0.0031308 ? 12.92 * v : 1.055 * std::pow(v, 1 / 2.4) - 0.055;
  return static_cast<std::uint8_t>(std::lround(255 * s));
}

double from_srgb(std::uint8_t v) {
  const double s = v / 255.0;
  return s <= 0.04045 ? s / 12.92 : std::pow((s + 0.055) / 1.055, 2.4);
}

// A smooth curve through the knots (Catmull-Rom on their slopes).
double along_path(double t, double Knot::*field) {
  constexpr int n = std::size(kPath);
  int i = 0;
  while (i < n - 2 && t > kPath[i + 1].t) ++i;
  const auto slope = [&](int k) {
    const Knot &a = kPath[std::max(k - 1, 0)], &b = kPath[std::min(k + 1, n - 1)];
    return (b.*field - a.*field) / (b.t - a.t);
  };
  const Knot &a = kPath[i], &b = kPath[i + 1];
  const double h = b.t - a.t, u = (t - a.t) / h, u2 = u * u, u3 = u2 * u;
  return (2 * u3 - 3 * u2 + 1) * a.*field + (u3 - 2 * u2 + u) * h * slope(i) +
         (3 * u2 - 2 * u3) * b.*field + (u3 - u2) * h * slope(i + 1);
}

std::array<Color, kSteps> make_aurora() {
  std::array<Color, kSteps> colors;
  for (int i = 0; i < kSteps; ++i) {
    const double t = i / (kSteps - 1.0), light = kDarkest + (kLightest - kDarkest) * t;
    double chroma = along_path(t, &Knot::chroma);
    const double hue = along_path(t, &Knot::hue);
    // Where the screen cannot follow, give up colourfulness, never lightness.
    while (!from_lch(light, chroma, hue).shown()) chroma -= 0.1;
    const LinearRgb rgb = from_lch(light, chroma, hue);
    colors[i] = {to_srgb(rgb.r), to_srgb(rgb.g), to_srgb(rgb.b)};
  }
  return colors;
}

}  // namespace

Color map_color(Colormap map, double t) {
  if (std::isnan(t)) return kNotANumber;
  const double step = std::clamp(t, 0.0, 1.0) * (kSteps - 1);
  const auto index = static_cast<std::size_t>(std::lround(step));
  if (map == Colormap::gray) {
    const auto v = static_cast<std::uint8_t>(index);
    return {v, v, v};
  }
  static const std::array<Color, kSteps> aurora = make_aurora();
  return aurora[index];
}

double lightness(Color c) {
  const double y =
      0.2126729 * from_srgb(c.r) + 0.7151522 * from_srgb(c.g) + 0.0721750 * from_srgb(c.b);
  return y > 216.0 / 24389 ? 116 * std::cbrt(y) - 16 : y * 24389 / 27;
}

Color palette(std::size_t i) {
  static constexpr Color colors[kPaletteSize] = {
      {42, 111, 187}, {237, 125, 26},  {52, 152, 76},   {206, 52, 58},  {136, 96, 184},
      {130, 86, 70},  {226, 120, 185}, {118, 118, 124}, {178, 172, 32}, {28, 176, 196}};
  return colors[i % kPaletteSize];
}

}  // namespace kindling::plot
