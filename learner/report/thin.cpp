#include "learner/report/thin.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>

namespace kindling {

namespace {

/// What one column needs of the values [begin, end).
void add_column(std::vector<std::size_t>& kept, const std::vector<double>& values,
                std::size_t begin, std::size_t end) {
  std::optional<std::size_t> low, high, gap;
  for (std::size_t i = begin; i < end; ++i) {
    if (!std::isfinite(values[i])) {
      if (!gap) gap = i;
      continue;
    }
    if (!low || values[i] < values[*low]) low = i;
    if (!high || values[i] > values[*high]) high = i;
  }
  for (const auto& i : {low, high, gap})
    if (i) kept.push_back(*i);
}

}  // namespace

std::vector<std::size_t> thinned(const std::vector<double>& values, std::size_t columns) {
  const std::size_t n = values.size();
  columns = std::max<std::size_t>(columns, 1);
  std::vector<std::size_t> kept;
  if (n <= 2 * columns) {  // two a column is what most columns need
    kept.resize(n);
    std::iota(kept.begin(), kept.end(), std::size_t{0});
    return kept;
  }
  kept = {0, n - 1};
  for (std::size_t c = 0; c < columns; ++c)
    add_column(kept, values, n * c / columns, n * (c + 1) / columns);
  std::sort(kept.begin(), kept.end());
  kept.erase(std::unique(kept.begin(), kept.end()), kept.end());
  return kept;
}

std::vector<std::size_t> evenly_spaced(std::size_t n, std::size_t count) {
  const std::size_t k = std::min(n, std::max<std::size_t>(count, 2));
  std::vector<std::size_t> places(k);
  for (std::size_t i = 0; i < k; ++i) places[i] = k > 1 ? i * (n - 1) / (k - 1) : 0;
  return places;
}

}  // namespace kindling
