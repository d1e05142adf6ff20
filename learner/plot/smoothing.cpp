#include "learner/plot/smoothing.h"

#include <algorithm>
#include <cmath>

namespace kindling::plot {
namespace {

// Weighted sums over the values on one side, k = 1, 2, ... places away with weight beta^k.
struct Sums {
  double one = 0, k = 0, k2 = 0, v = 0, kv = 0;

  // One place further on: every k grows by one, and the value left behind joins with k = 1.
  void advance(double value, double beta) {
    const bool known = std::isfinite(value);
    const double now = known ? value : 0, count = known ? 1 : 0;
    k2 = beta * (k2 + 2 * k + one + count);
    k = beta * (k + one + count);
    kv = beta * (kv + v + now);
    one = beta * (one + count);
    v = beta * (v + now);
  }
};

}  // namespace

std::vector<double> smoothed(const std::vector<double>& values, double beta) {
  const std::size_t n = values.size();
  std::vector<Sums> before(n), after(n);
  for (std::size_t i = 1; i < n; ++i) {
    before[i] = before[i - 1];
    before[i].advance(values[i - 1], beta);
  }
  for (std::size_t i = n; i-- > 1;) {
    after[i - 1] = after[i];
    after[i - 1].advance(values[i], beta);
  }
  std::vector<double> out(n, std::nan(""));
  for (std::size_t i = 0; i < n; ++i) {
    if (!std::isfinite(values[i])) continue;
    const Sums &b = before[i], &a = after[i];
    // Least squares for v = height + slope * d, d = -k before and +k after this place.
    const double w = 1 + b.one + a.one, d = a.k - b.k, d2 = b.k2 + a.k2;
    const double v = values[i] + b.v + a.v, dv = a.kv - b.kv;
    const double determinant = w * d2 - d * d;
    // With fewer than two known values in reach there is no slope to speak of.
    out[i] = determinant > 1e-9 * w * d2 ? (d2 * v - d * dv) / determinant : values[i];
  }
  return out;
}

std::vector<double> smoothed_logs(std::vector<double> values, double beta) {
  for (double& v : values) v = v > 0 ? std::log(v) : std::nan("");
  values = smoothed(values, beta);
  for (double& v : values) v = std::exp(v);
  return values;
}

}  // namespace kindling::plot
