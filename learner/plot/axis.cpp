#include "learner/plot/axis.h"

#include <algorithm>
#include <cmath>

namespace kindling::plot {
namespace {

constexpr double kHuge = 1e290;      // beyond, spans and products would overflow
constexpr double kThinnest = 1e-11;  // a span below this share of the values has no digits
constexpr double kTiny = 1e-280;
constexpr double kXSpacing = 58;  // logical pixels between ticks, at least
constexpr double kYSpacing = 24;
constexpr int kMostXTicks = 14, kMostYTicks = 8;
constexpr double kTextGap = 1.0;  // em between neighbouring labels

bool too_thin(double lo, double hi) {
  return hi - lo <= std::max(kTiny, kThinnest * std::max(std::abs(lo), std::abs(hi)));
}

Limits linear_limits(double lo, double hi, bool integers, double margin) {
  lo = std::clamp(lo, -kHuge, kHuge), hi = std::clamp(hi, -kHuge, kHuge);
  if (!too_thin(lo, hi)) return {lo - margin * (hi - lo), hi + margin * (hi - lo)};
  const double middle = lo / 2 + hi / 2, size = std::abs(middle);
  const double half = integers && size < 1e6 ? 0.5 : size > kTiny ? 0.1 * size : 0.5;
  return {middle - half, middle + half};
}

Limits log_limits(double lo, double hi, double margin) {
  lo = std::clamp(lo, 1 / kHuge, kHuge), hi = std::clamp(hi, 1 / kHuge, kHuge);
  if (hi <= lo * (1 + 1e-6)) return {lo / 2, hi * 2};
  const double room = std::pow(hi / lo, margin);
  if (!std::isfinite(room)) return {lo, hi};
  return {lo / room, hi * room};
}

Ticks ticks_for(const AxisSpec& spec, double lo, double hi, int count) {
  return spec.scale == Scale::log10 ? log_ticks(lo, hi, count)
                                    : linear_ticks(lo, hi, count, spec.integers);
}

bool labels_fit(const AxisView& view, double length, double size) {
  double free_from = -1e9;
  for (const Tick& tick : view.ticks.major) {
    const double middle = view.fraction(tick.value) * length;
    const double half = text_width(tick.label, size) / 2;
    if (middle - half < free_from) return false;
    free_from = middle + half + kTextGap * size;
  }
  return true;
}

}  // namespace

void Range::add(double v) {
  if (!std::isfinite(v)) return;
  lo = std::min(lo.value_or(v), v), hi = std::max(hi.value_or(v), v);
  if (v > 0) {
    positive_lo = std::min(positive_lo.value_or(v), v);
    positive_hi = std::max(positive_hi.value_or(v), v);
  }
}

double AxisView::fraction(double v) const {
  if (scale == Scale::linear) return (v - lo) / (hi - lo);
  if (!(v > 0)) return std::nan("");
  return (std::log10(v) - std::log10(lo)) / (std::log10(hi) - std::log10(lo));
}

Limits limits_for(const AxisSpec& spec, const Range& data) {
  const bool log = spec.scale == Scale::log10;
  if (spec.fixed && !(log && spec.fixed->lo <= 0)) {
    return log ? log_limits(spec.fixed->lo, spec.fixed->hi, 0)
               : linear_limits(spec.fixed->lo, spec.fixed->hi, spec.integers, 0);
  }
  if (log) {
    if (!data.positive_lo) return {0.1, 10};
    return log_limits(*data.positive_lo, *data.positive_hi, spec.margin);
  }
  if (!data.lo) return {0, 1};
  return linear_limits(*data.lo, *data.hi, spec.integers, spec.margin);
}

AxisView make_view(const AxisSpec& spec, const Range& data, double length, double text_size,
                   Side side) {
  const Limits limits = limits_for(spec, data);
  AxisView view{spec.scale, limits.lo, limits.hi, {}, {}};
  const double spacing = side == Side::bottom ? kXSpacing : kYSpacing;
  const int most = side == Side::bottom ? kMostXTicks : kMostYTicks;
  int count = static_cast<int>(std::clamp(length / spacing + 1, 2.0, most + 0.0));
  view.ticks = ticks_for(spec, view.lo, view.hi, count);
  while (side == Side::bottom && count > 2 && !labels_fit(view, length, text_size)) {
    view.ticks = ticks_for(spec, view.lo, view.hi, --count);
  }
  if (side == Side::bottom && !labels_fit(view, length, text_size)) view.ticks.major.resize(1);
  view.label = spec.label;
  if (view.ticks.exponent != 0) {
    const Label power = power_of_ten(view.ticks.exponent);
    view.label.append(spec.label.empty() ? "×" : " (×").append(power.runs[0].text);
    view.label.append(power.runs[1].text, true);
    if (!spec.label.empty()) view.label.append(")");
  }
  return view;
}

}  // namespace kindling::plot
