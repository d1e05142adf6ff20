#include "learner/plot/smoothing.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <vector>

using namespace kindling::plot;

namespace {

// The definition, in O(n^2).
double slow_trend(const std::vector<double>& v, double beta, std::size_t at) {
  double w = 0, wd = 0, wdd = 0, wv = 0, wdv = 0;
  for (std::size_t i = 0; i < v.size(); ++i) {
    if (!std::isfinite(v[i])) continue;
    const double d = static_cast<double>(i) - static_cast<double>(at);
    const double weight = std::pow(beta, std::abs(d));
    w += weight, wd += weight * d, wdd += weight * d * d, wv += weight * v[i];
    wdv += weight * d * v[i];
  }
  return (wdd * wv - wd * wdv) / (w * wdd - wd * wd);
}

std::vector<double> noisy(std::size_t n) {
  std::vector<double> v(n);
  for (std::size_t i = 0; i < n; ++i) v[i] = 2 * std::exp(-0.03 * i) + 0.3 * std::sin(12.9898 * i);
  return v;
}

}  // namespace

TEST_CASE("smoothing: the fast sums equal the definition") {
  std::vector<double> v = noisy(80);
  v[10] = v[11] = v[40] = std::nan("");
  v[60] = std::numeric_limits<double>::infinity();
  const std::vector<double> fast = smoothed(v, 0.9);
  for (std::size_t i = 0; i < v.size(); ++i) {
    CAPTURE(i);
    CHECK(std::isfinite(fast[i]) == std::isfinite(v[i]));
    if (std::isfinite(v[i])) CHECK(fast[i] == doctest::Approx(slow_trend(v, 0.9, i)));
  }
}

TEST_CASE("smoothing: a straight line stays one, up to its ends") {
  std::vector<double> v(50);
  for (std::size_t i = 0; i < v.size(); ++i) v[i] = 3 - 0.2 * i;
  const std::vector<double> s = smoothed(v, 0.95);
  for (std::size_t i = 0; i < v.size(); ++i) CHECK(s[i] == doctest::Approx(v[i]));
}

TEST_CASE("smoothing: less noise, the same curve; 0 changes nothing") {
  const std::vector<double> v = noisy(300), s = smoothed(v, 0.9);
  double rough = 0, smooth = 0;
  for (std::size_t i = 1; i < v.size(); ++i) {
    rough += std::abs(v[i] - v[i - 1]), smooth += std::abs(s[i] - s[i - 1]);
  }
  CHECK(smooth < 0.2 * rough);
  CHECK(smoothed(v, 0) == v);
}

TEST_CASE("smoothing: few values, none, or only gaps") {
  CHECK(smoothed({}, 0.9).empty());
  CHECK(smoothed({7}, 0.9) == std::vector<double>{7});
  const auto two = smoothed({1, 3}, 0.9);
  CHECK(two[0] == doctest::Approx(1));
  CHECK(two[1] == doctest::Approx(3));
  CHECK(std::isnan(smoothed({std::nan("")}, 0.9)[0]));
}

TEST_CASE("smoothing: on logs a straight line is an exponential") {
  std::vector<double> v(30);
  for (std::size_t i = 0; i < v.size(); ++i) v[i] = 100 * std::exp(-0.4 * i);
  v[7] = -1;
  const auto s = smoothed_logs(v, 0.9);
  CHECK(std::isnan(s[7]));
  CHECK(s[0] == doctest::Approx(100));
  CHECK(s[29] == doctest::Approx(v[29]));
}
