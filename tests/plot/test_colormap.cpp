#include "learner/plot/colormap.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>

using namespace kindling::plot;

TEST_CASE("colormap: CIE L* of known colours") {
  // Published values for the sRGB primaries under D65.
  CHECK(lightness({255, 255, 255}) == doctest::Approx(100).epsilon(1e-4));
  CHECK(lightness({0, 0, 0}) == 0);
  CHECK(lightness({255, 0, 0}) == doctest::Approx(53.24).epsilon(1e-3));
  CHECK(lightness({0, 255, 0}) == doctest::Approx(87.73).epsilon(1e-3));
  CHECK(lightness({0, 0, 255}) == doctest::Approx(32.30).epsilon(1e-3));
  CHECK(lightness({119, 119, 119}) == doctest::Approx(50.03).epsilon(1e-3));
}

TEST_CASE("colormap: aurora grows lighter in even steps") {
  const int n = 32;
  const double first = lightness(map_color(Colormap::aurora, 0));
  const double last = lightness(map_color(Colormap::aurora, 1));
  CHECK(first < 16);
  CHECK(last > 88);
  const double mean = (last - first) / n;
  for (int i = 0; i < n; ++i) {
    const double step = lightness(map_color(Colormap::aurora, (i + 1.0) / n)) -
                        lightness(map_color(Colormap::aurora, double(i) / n));
    CAPTURE(i);
    CHECK(step > 0.8 * mean);
    CHECK(step < 1.2 * mean);
  }
  for (int i = 1; i < 256; ++i) {  // no step back anywhere, up to 8-bit rounding
    CHECK(lightness(map_color(Colormap::aurora, i / 255.0)) >
          lightness(map_color(Colormap::aurora, (i - 1) / 255.0)) - 0.1);
  }
}

TEST_CASE("colormap: aurora is smooth and never repeats itself") {
  Color before = map_color(Colormap::aurora, 0);
  for (int i = 1; i < 128; ++i) {
    const Color here = map_color(Colormap::aurora, i / 127.0);
    CHECK(here != before);
    CHECK(std::abs(here.r - before.r) <= 9);
    CHECK(std::abs(here.g - before.g) <= 9);
    CHECK(std::abs(here.b - before.b) <= 9);
    before = here;
  }
}

TEST_CASE("colormap: ends, gray and numbers that are none") {
  const double inf = std::numeric_limits<double>::infinity();
  CHECK(map_color(Colormap::aurora, -3) == map_color(Colormap::aurora, 0));
  CHECK(map_color(Colormap::aurora, inf) == map_color(Colormap::aurora, 1));
  CHECK(map_color(Colormap::gray, 0) == Color{0, 0, 0});
  CHECK(map_color(Colormap::gray, 0.5) == Color{128, 128, 128});
  CHECK(map_color(Colormap::gray, 1) == Color{255, 255, 255});
  const Color none = map_color(Colormap::aurora, std::nan(""));
  for (int i = 0; i < 256; ++i) CHECK(map_color(Colormap::aurora, i / 255.0) != none);
}

TEST_CASE("colormap: palette colours differ and show on white") {
  for (std::size_t i = 0; i < kPaletteSize; ++i) {
    const Color a = palette(i);
    CHECK(lightness(a) < 76);
    CHECK(palette(i + kPaletteSize) == a);
    for (std::size_t j = 0; j < i; ++j) {
      const Color b = palette(j);
      CHECK(std::hypot(a.r - b.r, a.g - b.g, a.b - b.b) > 50);
    }
  }
}
