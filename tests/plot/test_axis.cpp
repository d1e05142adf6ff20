#include "learner/plot/axis.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

using namespace kindling::plot;

namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

Range range_of(std::initializer_list<double> values) {
  Range range;
  for (const double v : values) range.add(v);
  return range;
}

AxisSpec log_spec() {
  AxisSpec spec;
  spec.scale = Scale::log10;
  return spec;
}

}  // namespace

TEST_CASE("axis: limits hold the data and a margin") {
  const Limits l = limits_for({}, range_of({3, 1, 2, std::nan(""), kInf}));
  CHECK(l.lo == doctest::Approx(1 - 0.04 * 2));
  CHECK(l.hi == doctest::Approx(3 + 0.04 * 2));
  const Limits log = limits_for(log_spec(), range_of({-5, 0, 1e-3, 10}));
  CHECK(log.lo == doctest::Approx(1e-3 * std::pow(1e4, -0.04)));
  CHECK(log.hi == doctest::Approx(10 * std::pow(1e4, 0.04)));
}

TEST_CASE("axis: whatever the data, lo < hi and both are finite") {
  const double tiny = std::numeric_limits<double>::denorm_min();
  const double huge = std::numeric_limits<double>::max();
  for (const auto& data :
       {range_of({}), range_of({0}), range_of({5, 5, 5}), range_of({-1e300}), range_of({kInf}),
        range_of({-huge, huge}), range_of({tiny, 2 * tiny}), range_of({0, tiny}),
        range_of({1, std::nextafter(1, 2)}), range_of({tiny, huge})}) {
    for (const Scale scale : {Scale::linear, Scale::log10}) {
      for (const Side side : {Side::bottom, Side::left}) {
        AxisSpec spec;
        spec.scale = scale;
        const AxisView view = make_view(spec, data, 300, 9, side);
        CHECK(std::isfinite(view.lo));
        CHECK(std::isfinite(view.hi));
        CHECK(view.lo < view.hi);
        CHECK(view.fraction(view.lo) == doctest::Approx(0));
        CHECK(view.fraction(view.hi) == doctest::Approx(1));
        CHECK(view.ticks.major.size() >= 1);
      }
    }
  }
}

TEST_CASE("axis: one value lies in the middle") {
  const AxisView view = make_view({}, range_of({-7}), 200, 9, Side::left);
  CHECK(view.fraction(-7) == doctest::Approx(0.5));
  AxisSpec batches;
  batches.integers = true;
  const AxisView one = make_view(batches, range_of({1}), 200, 9, Side::bottom);
  CHECK(one.lo == 0.5);
  CHECK(one.hi == 1.5);
  REQUIRE(one.ticks.major.size() == 1);
  CHECK(one.ticks.major[0].label.plain() == "1");
}

TEST_CASE("axis: a log axis measures ratios and has no place for the rest") {
  AxisSpec spec = log_spec();
  spec.fixed = Limits{1e-4, 1};
  const AxisView view = make_view(spec, {}, 400, 9, Side::bottom);
  CHECK(view.fraction(1e-4) == doctest::Approx(0));
  CHECK(view.fraction(1e-3) == doctest::Approx(0.25));
  CHECK(view.fraction(1e-2) == doctest::Approx(0.5));
  CHECK(std::isnan(view.fraction(0)));
  CHECK(std::isnan(view.fraction(-1)));
  CHECK(std::isnan(view.fraction(std::nan(""))));
}

TEST_CASE("axis: labels at the bottom never touch") {
  for (const double length : {30.0, 80.0, 240.0, 900.0}) {
    for (const double hi : {1.0, 99999.0, 1.23456e-3, 7e12}) {
      for (const double lo : {0.0, 0.999999 * hi}) {
        const AxisView view = make_view({}, range_of({lo, hi}), length, 9, Side::bottom);
        double free_from = -1e9;
        for (const Tick& t : view.ticks.major) {
          const double middle = view.fraction(t.value) * length;
          const double half = text_width(t.label, 9) / 2;
          CHECK(middle - half > free_from);
          free_from = middle + half;
        }
      }
    }
  }
}

TEST_CASE("axis: the shared power of ten is part of the label") {
  AxisSpec spec;
  spec.label = "loss";
  CHECK(make_view(spec, range_of({0, 4e-6}), 200, 9, Side::left).label.plain() ==
        "loss (×10^{−6})");
  CHECK(make_view({}, range_of({0, 4e7}), 200, 9, Side::left).label.plain() == "×10^{7}");
  CHECK(make_view(spec, range_of({0, 4}), 200, 9, Side::left).label.plain() == "loss");
}
