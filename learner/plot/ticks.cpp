#include "learner/plot/ticks.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string>

namespace kindling::plot {
namespace {

// Without this much slack, 0.3 / 0.1 would lie past its own third tick.
constexpr double kSlack = 1e-9;
// Outside these, labels share a power of ten: 100000 fits an axis badly, 0.00001 worse.
constexpr double kPlainBelow = 1e5, kPlainFrom = 1e-3;

double power(int exponent) { return std::pow(10.0, exponent); }

// 10^-3 has no exact double but 10^3 has: dividing gives 0.003 where multiplying would not.
double scaled(double v, int exponent) {
  return exponent < 0 ? v / power(-exponent) : v * power(exponent);
}

// Not snprintf: a locale must not turn points into commas. The minus is the typographic one.
std::string fixed(double v, int decimals) {
  char buffer[400];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, std::abs(v),
                                 std::chars_format::fixed, std::clamp(decimals, 0, 17));
  std::string s(buffer, end.ptr);
  const bool zero = s.find_first_not_of("0.") == std::string::npos;
  return v < 0 && !zero ? "−" + s : s;
}

std::string integer(int v) { return v < 0 ? "−" + std::to_string(-v) : std::to_string(v); }

int order_of(double v) { return static_cast<int>(std::floor(std::log10(v) + kSlack)); }

Label times_power(const std::string& mantissa, int exponent) {
  Label label = mantissa == "1" ? Label("10") : Label(mantissa + "×10");
  return label.append(integer(exponent), true);
}

void drop_trailing_zeros(std::string& s) {
  if (s.find('.') == std::string::npos) return;
  s.erase(s.find_last_not_of('0') + 1);
  if (s.back() == '.') s.pop_back();
}

Step coarser(Step step) {
  if (step.mantissa == 5) return {1, step.exponent + 1};
  return {step.mantissa == 1 ? 2 : 5, step.exponent};
}

// first * step, ..., last * step lie in [lo, hi].
struct Multiples {
  double first, last;
  double count() const { return last - first + 1; }
};

Multiples multiples_within(double lo, double hi, Step step) {
  return {std::ceil(lo / step.value() - kSlack), std::floor(hi / step.value() + kSlack)};
}

// 1..9 times every power of ten that lies in [lo, hi], where `wanted(mantissa)`.
template <class Wanted>
std::vector<std::pair<int, int>> mantissas_within(double lo, double hi, Wanted wanted) {
  std::vector<std::pair<int, int>> found;
  for (int e = order_of(lo) - 1; e <= order_of(hi) + 1; ++e) {
    for (int m = 1; m <= 9; ++m) {
      const double v = scaled(m, e);
      if (wanted(m) && v >= lo * (1 - kSlack) && v <= hi * (1 + kSlack)) found.push_back({m, e});
    }
  }
  return found;
}

}  // namespace

double Step::value() const { return scaled(mantissa, exponent); }

Step nice_step(double span, int intervals) {
  const double least = span / intervals;
  const int exponent = order_of(least);
  for (const int mantissa : {1, 2, 5}) {
    const Step step{mantissa, exponent};
    if (step.value() >= least * (1 - kSlack)) return step;
  }
  return {1, exponent + 1};
}

Ticks linear_ticks(double lo, double hi, int max_ticks, bool integers) {
  max_ticks = std::max(max_ticks, 2);
  // The finest step of which not too many multiples happen to lie within the limits.
  Step step = nice_step(hi - lo, 2 * max_ticks);
  if (integers && step.exponent < 0) step = {1, 0};
  while (multiples_within(lo, hi, step).count() > max_ticks) step = coarser(step);
  Ticks ticks;
  const double largest = std::max(std::abs(lo), std::abs(hi));
  if (largest >= kPlainBelow * (1 + kSlack) || largest < kPlainFrom) {
    ticks.exponent = order_of(largest);
  }
  const auto [first, last] = multiples_within(lo, hi, step);
  for (double i = first; i <= last; ++i) {
    const double value = i == 0 ? 0 : scaled(i * step.mantissa, step.exponent);
    const double shown = scaled(i * step.mantissa, step.exponent - ticks.exponent);
    ticks.major.push_back({value, fixed(shown, ticks.exponent - step.exponent)});
  }
  return ticks;
}

Ticks log_ticks(double lo, double hi, int max_ticks) {
  const int first = static_cast<int>(std::ceil(std::log10(lo) - kSlack));
  const int last = static_cast<int>(std::floor(std::log10(hi) + kSlack));
  const int decades = last - first + 1;
  Ticks ticks;
  if (decades >= 2) {
    const int stride = (decades + std::max(max_ticks, 2) - 1) / std::max(max_ticks, 2);
    for (int e = first; e <= last; ++e) {
      if (e % stride == 0) {
        ticks.major.push_back({scaled(1, e), power_of_ten(e)});
      } else {
        ticks.minor.push_back(scaled(1, e));
      }
    }
    if (stride == 1) {
      for (const auto& [m, e] : mantissas_within(lo, hi, [](int m) { return m > 1; })) {
        ticks.minor.push_back(scaled(m, e));
      }
    }
    return ticks;
  }
  const auto all = mantissas_within(lo, hi, [](int) { return true; });
  auto chosen = mantissas_within(lo, hi, [](int m) { return m == 1 || m == 2 || m == 5; });
  if (chosen.size() < 3 && static_cast<int>(all.size()) <= max_ticks) chosen = all;
  if (chosen.size() < 2) return linear_ticks(lo, hi, max_ticks);  // hardly a decade's tenth
  for (const auto& [m, e] : chosen) {
    ticks.major.push_back({scaled(m, e), number_label(scaled(m, e), 1)});
  }
  for (const auto& [m, e] : all) ticks.minor.push_back(scaled(m, e));
  return ticks;
}

Label number_label(double value, int digits) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "∞" : "−∞";
  if (value == 0) return "0";
  char buffer[64];  // "d.ddde-XX", rounded once and then only rearranged
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, std::abs(value),
                                 std::chars_format::scientific, std::clamp(digits - 1, 0, 16));
  const std::string text(buffer, end.ptr);
  const std::size_t mark = text.find('e');
  const int order = std::stoi(text.substr(mark + 1));
  if (order >= -4 && order <= 5) {
    const int decimals = std::max(digits - 1 - order, 0);
    double rounded = 0;
    std::from_chars(text.data(), text.data() + text.size(), rounded);
    std::string plain = fixed(std::copysign(rounded, value), decimals);
    drop_trailing_zeros(plain);
    return plain;
  }
  std::string mantissa = text.substr(0, mark);
  drop_trailing_zeros(mantissa);
  return times_power((value < 0 ? "−" : "") + mantissa, order);
}

std::string with_commas(double number) {
  std::string digits = std::to_string(std::llround(number));
  for (auto at = std::ssize(digits) - 3; at > (digits[0] == '-' ? 1 : 0); at -= 3)
    digits.insert(static_cast<std::size_t>(at), ",");
  return digits;
}

Label power_of_ten(int exponent) { return times_power("1", exponent); }

}  // namespace kindling::plot
