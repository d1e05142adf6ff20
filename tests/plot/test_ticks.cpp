#include "learner/plot/ticks.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

using namespace kindling::plot;

namespace {

std::string labels(const Ticks& ticks) {
  std::string all;
  for (const Tick& t : ticks.major) all += (all.empty() ? "" : " ") + t.label.plain();
  return all;
}

std::vector<double> values(const Ticks& ticks) {
  std::vector<double> all;
  for (const Tick& t : ticks.major) all.push_back(t.value);
  return all;
}

}  // namespace

TEST_CASE("ticks: nice steps are 1, 2 or 5 times a power of ten") {
  CHECK(nice_step(10, 5) == Step{2, 0});
  CHECK(nice_step(10, 10) == Step{1, 0});
  CHECK(nice_step(10, 4) == Step{5, 0});
  CHECK(nice_step(1, 10) == Step{1, -1});
  CHECK(nice_step(0.7, 5) == Step{2, -1});
  CHECK(nice_step(6e-8, 1) == Step{1, -7});
  CHECK(Step{5, -3}.value() == 0.005);
}

TEST_CASE("ticks: linear, written out by hand") {
  CHECK(labels(linear_ticks(0, 10, 6)) == "0 2 4 6 8 10");
  CHECK(labels(linear_ticks(0, 10, 5)) == "0 5 10");
  CHECK(labels(linear_ticks(0, 1, 6)) == "0.0 0.2 0.4 0.6 0.8 1.0");
  CHECK(labels(linear_ticks(-0.31, 0.29, 7)) == "−0.3 −0.2 −0.1 0.0 0.1 0.2");
  CHECK(labels(linear_ticks(2.195, 2.305, 6)) == "2.20 2.22 2.24 2.26 2.28 2.30");
  CHECK(labels(linear_ticks(0.5, 59.5, 5)) == "10 20 30 40 50");
  CHECK(labels(linear_ticks(-40, 80, 7)) == "−40 −20 0 20 40 60 80");
  // The values are the decimal numbers themselves, not sums of rounded steps.
  CHECK(values(linear_ticks(0, 0.7, 8)) ==
        std::vector<double>{0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7});
}

TEST_CASE("ticks: large and small numbers share a power of ten") {
  const Ticks tiny = linear_ticks(0, 5e-9, 6);
  CHECK(tiny.exponent == -9);
  CHECK(labels(tiny) == "0 1 2 3 4 5");
  const Ticks huge = linear_ticks(-2e30, 5e30, 8);
  CHECK(huge.exponent == 30);
  CHECK(labels(huge) == "−2 −1 0 1 2 3 4 5");
  const Ticks plain = linear_ticks(0, 60000, 4);
  CHECK(plain.exponent == 0);
  CHECK(labels(plain) == "0 20000 40000 60000");
  CHECK(linear_ticks(0, 250000, 4).exponent == 5);
}

TEST_CASE("ticks: whole numbers only") {
  CHECK(labels(linear_ticks(0.5, 1.5, 10, true)) == "1");
  CHECK(labels(linear_ticks(1, 3, 10, true)) == "1 2 3");
  CHECK(labels(linear_ticks(0.6, 0.9, 10, true)) == "");
  CHECK(labels(linear_ticks(0, 177, 5, true)) == "0 50 100 150");
}

TEST_CASE("ticks: never more than asked for, at least some, all inside") {
  for (const double lo : {-1e290, -3.7e5, -1.0, 0.0, 1e-280, 2.5, 9.99e20}) {
    for (const double span : {1e-7, 0.3, 1.0, 17.0, 1e6, 9e30, 1e290}) {
      if (span < 1e-11 * std::abs(lo)) continue;
      for (const int most : {2, 5, 11}) {
        const double hi = lo + span;
        const Ticks ticks = linear_ticks(lo, hi, most);
        CAPTURE(lo);
        CAPTURE(span);
        CHECK(ticks.major.size() >= 1);
        CHECK(ticks.major.size() <= static_cast<std::size_t>(most));
        for (const Tick& t : ticks.major) {
          CHECK(t.value >= lo - 1e-6 * span);
          CHECK(t.value <= hi + 1e-6 * span);
        }
      }
    }
  }
}

TEST_CASE("ticks: powers of ten") {
  const Ticks t = log_ticks(8e-6, 2, 10);
  CHECK(labels(t) == "10^{−5} 10^{−4} 10^{−3} 10^{−2} 10^{−1} 10^{0}");
  CHECK(values(t) == std::vector<double>{1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1});
  CHECK(t.minor.size() == 2 + 5 * 8 + 1);  // 8e-6 9e-6, 2..9 of five decades, 2
  CHECK(labels(log_ticks(1e-12, 1e12, 5)) == "10^{−10} 10^{−5} 10^{0} 10^{5} 10^{10}");
  CHECK(log_ticks(1e-290, 1e290, 6).major.size() <= 6);
}

TEST_CASE("ticks: a log axis of less than two decades") {
  CHECK(labels(log_ticks(0.8, 60, 10)) == "10^{0} 10^{1}");
  CHECK(labels(log_ticks(1.5, 60, 10)) == "2 5 10 20 50");
  CHECK(labels(log_ticks(20, 60, 10)) == "20 30 40 50 60");
  CHECK(labels(log_ticks(0.00151, 0.00178, 4)).size() > 0);
}

TEST_CASE("ticks: numbers as people write them") {
  CHECK(number_label(0.0123, 3).plain() == "0.0123");
  CHECK(number_label(0.3, 3).plain() == "0.3");
  CHECK(number_label(250, 3).plain() == "250");
  CHECK(number_label(1234, 2).plain() == "1200");
  CHECK(number_label(-1, 2).plain() == "−1");
  CHECK(number_label(0, 3).plain() == "0");
  CHECK(number_label(0.0999, 2).plain() == "0.1");
  CHECK(number_label(3.24e-7, 2).plain() == "3.2×10^{−7}");
  CHECK(number_label(1e-7, 2).plain() == "10^{−7}");
  CHECK(number_label(-5e12, 3).plain() == "−5×10^{12}");
  CHECK(number_label(std::nan(""), 3).plain() == "nan");
  CHECK(number_label(-std::numeric_limits<double>::infinity(), 3).plain() == "−∞");
  CHECK(power_of_ten(-3).plain() == "10^{−3}");
}
