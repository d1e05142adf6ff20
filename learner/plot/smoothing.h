// The trend in a noisy curve.
#pragma once

#include <vector>

namespace kindling::plot {

// At each place the height of the straight line that fits the finite values best, one k places
// away counting beta^k (0 <= beta < 1; 0 returns the values). Looking both ways the trend does
// not lag, and fitting a line rather than a mean it keeps its slope up to both ends. Values that
// are not finite stay gaps (NaN). O(n).
std::vector<double> smoothed(const std::vector<double>& values, double beta);

// The same on the scale that a log axis shows, where one peak does not rule its whole
// neighbourhood. Values that are not positive become gaps.
std::vector<double> smoothed_logs(std::vector<double> values, double beta);

}  // namespace kindling::plot
