#include "learner/schedules.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include "engine/error.h"
#include "learner/plot/charts.h"

namespace kindling {

namespace {

void check_finite(const char* who, const char* name, double value) {
  check<Error>(std::isfinite(value), who, name, " ", value, ": a finite number expected");
}

void check_share(const char* who, const char* name, double share) {
  check<Error>(share >= 0 && share <= 1, who, name, " ", share, ": in [0, 1] expected");
}

/// Of no steps at all one is at the beginning.
double share_of(Index step, Index steps) {
  return steps > 0 ? static_cast<double>(step) / static_cast<double>(steps) : 0;
}

/// From `from` to `to` as `share` goes from 0 to 1, flat at both ends.
double along_cosine(double from, double to, double share) {
  return to + (from - to) / 2 * (1 + std::cos(std::numbers::pi * share));
}

/// Along half a cosine from first to peak, which is reached at the end of the warm-up, and along
/// another to last, which the last step has: PyTorch's OneCycleLR.
Schedule up_and_down(double first, double peak, double last, double warm_up) {
  return [=](Index step, Index steps) {
    const double end = static_cast<double>(steps) - 1, at = static_cast<double>(step);
    const double top = warm_up * static_cast<double>(steps) - 1;
    if (at <= top && top > 0) return along_cosine(first, peak, at / top);
    return end > top ? along_cosine(peak, last, std::min((at - top) / (end - top), 1.0)) : last;
  };
}

}  // namespace

Schedule constant(double value) {
  check_finite("constant", "value", value);
  return [=](Index, Index) { return value; };
}

Schedule linear(double from, double to) {
  check_finite("linear", "from", from);
  check_finite("linear", "to", to);
  return [=](Index step, Index steps) { return from + (to - from) * share_of(step, steps); };
}

Schedule cosine(double from, double to) {
  check_finite("cosine", "from", from);
  check_finite("cosine", "to", to);
  return [=](Index step, Index steps) { return along_cosine(from, to, share_of(step, steps)); };
}

Schedule geometric(double from, double to) {
  check_finite("geometric", "from", from);
  check_finite("geometric", "to", to);
  check<Error>(from > 0 && to > 0, "geometric", "from ", from, " to ", to,
               ": positive numbers expected");
  return [=](Index step, Index steps) { return from * std::pow(to / from, share_of(step, steps)); };
}

Schedule exponential(double from, double gamma) {
  check_finite("exponential", "from", from);
  check<Error>(gamma > 0 && std::isfinite(gamma), "exponential", "gamma ", gamma,
               ": a positive number expected");
  return [=](Index step, Index) { return from * std::pow(gamma, step); };
}

Schedule step_decay(double from, Index every, double gamma) {
  check_finite("step_decay", "from", from);
  check<Error>(every > 0, "step_decay", "every ", every, " steps: at least 1 expected");
  check<Error>(gamma > 0 && std::isfinite(gamma), "step_decay", "gamma ", gamma,
               ": a positive number expected");
  return [=](Index step, Index) { return from * std::pow(gamma, step / every); };
}

Schedule compose(std::vector<SchedulePiece> pieces) {
  double total = 0;
  for (const SchedulePiece& piece : pieces) {
    check_share("compose", "share", piece.share);
    check<Error>(piece.schedule != nullptr, "compose", "a schedule is empty");
    total += piece.share;
  }
  check<Error>(std::abs(total - 1) < 1e-9, "compose", "shares add up to ", total, ": 1 expected");
  return [pieces = std::move(pieces)](Index step, Index steps) {
    double share = 0;
    Index begin = 0;
    for (std::size_t i = 0; i < pieces.size(); ++i) {
      share += pieces[i].share;
      const bool last = i + 1 == pieces.size();
      const Index end = last ? steps : std::llround(share * static_cast<double>(steps));
      if (step < end || last)
        return pieces[i].schedule(step - begin, std::max<Index>(end - begin, 1));
      begin = end;
    }
    return 0.0;  // not reached: there is a last one
  };
}

Schedule warm_up(double share, Schedule then) {
  check_share("warm_up", "share", share);
  check<Error>(then != nullptr, "warm_up", "the schedule behind it is empty");
  return [=](Index step, Index steps) {
    const Index rise = std::llround(share * static_cast<double>(steps));
    const Index rest = std::max<Index>(steps - rise, 1);
    if (step >= rise) return then(step - rise, rest);
    return then(0, rest) * share_of(step + 1, rise + 1);
  };
}

Schedule flat_cosine(double rate, double flat, double to) {
  check_share("flat_cosine", "flat", flat);
  return compose({{flat, constant(rate)}, {1 - flat, cosine(rate, to)}});
}

Schedule one_cycle(OneCycleOptions options) {
  check<Error>(std::isfinite(options.max) && options.max >= 0 && options.warm_up >= 0 &&
                   options.warm_up <= 1 && options.div > 0 && options.final_div > 0,
               "one_cycle", "max ", options.max, ", warm_up ", options.warm_up, ", div ",
               options.div, ", final_div ", options.final_div,
               ": a finite max >= 0, a warm_up in [0, 1] and positive divisors expected");
  const double first = options.max / options.div;
  return up_and_down(first, options.max, first / options.final_div, options.warm_up);
}

Schedule one_cycle_momentum(double low, double high, double warm_up) {
  check<Error>(low >= 0 && low <= high && high < 1, "one_cycle_momentum", "from ", high, " to ",
               low, ": 0 <= low <= high < 1 expected");
  check_share("one_cycle_momentum", "warm_up", warm_up);
  return up_and_down(high, low, high, warm_up);
}

void plot_schedules(const std::string& path, const std::vector<NamedSchedule>& schedules,
                    Index steps) {
  check<Error>(steps > 0, "schedule", steps, " steps: at least 1 expected");
  std::vector<plot::Series> lines;
  for (const auto& [name, schedule] : schedules) {
    check<Error>(schedule != nullptr, "schedule", "'", name, "' is empty");
    plot::Series line{name, {}};
    for (Index i = 0; i < steps; ++i) line.values.push_back(schedule(i, steps));
    lines.push_back(std::move(line));
  }
  plot::series(path, lines, {.x_label = "step", .first = 0});
}

}  // namespace kindling
