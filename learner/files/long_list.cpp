#include "learner/files/long_list.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/archive.h"

namespace kindling {

namespace {

constexpr std::size_t kLong = 1000;
constexpr Index kMostRows = 3;  // that many floats hold the 53 bits of a double

/// Writes the parts of a number `pitch` apart. Returns how many it took, or 0 when they do not add
/// up to it.
Index split(double number, Scalar* parts, Index pitch) {
  for (Index row = 0; row < kMostRows; ++row) {
    if (std::isfinite(number) && std::abs(number) > std::numeric_limits<Scalar>::max()) return 0;
    parts[row * pitch] = static_cast<Scalar>(number);
    if (!std::isfinite(number)) return row + 1;
    number -= static_cast<double>(parts[row * pitch]);
    if (number == 0) return row + 1;
  }
  return 0;
}

double joined(const Array& rows, Index i) {
  double rest = 0;
  const Index n = rows.dim(1);
  for (Index row = rows.dim(0) - 1; row > 0; --row) rest += static_cast<double>(rows[row * n + i]);
  const auto first = static_cast<double>(rows[i]);
  return rest == 0 ? first : rest + first;  // -0 stays -0
}

}  // namespace

Array long_list(const std::vector<double>& values) {
  if (values.size() < kLong) return {};
  const auto n = static_cast<Index>(values.size());
  Array rows({kMostRows, n}, Scalar{0});
  Index used = 1;
  for (Index i = 0; i < n; ++i) {
    const Index parts = split(values[static_cast<std::size_t>(i)], rows.data() + i, n);
    if (parts == 0) return {};
    used = std::max(used, parts);
  }
  return rows.rows(0, used);
}

Array long_list(const std::vector<Index>& values) {
  if (values.size() < kLong) return {};
  const auto is_double = [](Index v) {
    return v <= Archive::kMaxCount && v >= -Archive::kMaxCount;
  };
  if (!std::all_of(values.begin(), values.end(), is_double)) return {};
  return long_list(std::vector<double>(values.begin(), values.end()));
}

bool read_long_list(const Array& rows, std::vector<double>& values) {
  if (rows.rank() != 2 || rows.dim(0) < 1 || rows.dim(0) > kMostRows) return false;
  values.clear();
  for (Index i = 0; i < rows.dim(1); ++i) values.push_back(joined(rows, i));
  return true;
}

bool read_long_list(const Array& rows, std::vector<Index>& values) {
  std::vector<double> numbers;
  const auto is_index = [](double v) {
    return std::abs(v) <= static_cast<double>(Archive::kMaxCount) && v == std::floor(v);
  };
  if (!read_long_list(rows, numbers) || !std::all_of(numbers.begin(), numbers.end(), is_index))
    return false;
  values.assign(numbers.begin(), numbers.end());
  return true;
}

}  // namespace kindling
