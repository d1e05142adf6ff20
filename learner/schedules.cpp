#include "learner/schedules.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "engine/error.h"

namespace kindling {

namespace {

/// From `from` to `to` as `share` goes from 0 to 1, flat at both ends.
double cosine(double from, double to, double share) {
  return to + (from - to) / 2 * (1 + std::cos(std::numbers::pi * share));
}

}  // namespace

Schedule one_cycle(OneCycleOptions options) {
  check<Error>(std::isfinite(options.max) && options.max >= 0 && options.warm_up >= 0 &&
                   options.warm_up <= 1 && options.div > 0 && options.final_div > 0,
               "one_cycle", "max ", options.max, ", warm_up ", options.warm_up, ", div ",
               options.div, ", final_div ", options.final_div,
               ": a finite max >= 0, a warm_up in [0, 1] and positive divisors expected");
  return [=](Index step, Index steps) {
    const double first = options.max / options.div, last = first / options.final_div;
    const double end = static_cast<double>(steps) - 1, at = static_cast<double>(step);
    const double peak = options.warm_up * static_cast<double>(steps) - 1;
    if (at <= peak && peak > 0) return cosine(first, options.max, at / peak);
    return end > peak ? cosine(options.max, last, std::min((at - peak) / (end - peak), 1.0)) : last;
  };
}

}  // namespace kindling
