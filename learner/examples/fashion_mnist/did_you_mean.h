#pragma once

#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

namespace kindling {

/// How many letters have to be inserted, left out, changed or swapped with their neighbour to make
/// b of a (optimal string alignment).
inline std::size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> before, last, row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    before = std::move(last);
    last = row;
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before[j - 2] + 1);
    }
  }
  return row.back();
}

/// "; did you mean NAME?" for the name that is nearest to the word, or "" when none is near: more
/// than a third of its letters are wrong.
inline std::string did_you_mean(const std::string& word, const std::vector<std::string>& names) {
  const std::string* nearest = nullptr;
  std::size_t distance = 0;
  for (const std::string& name : names) {
    const std::size_t d = edit_distance(word, name);
    if (d <= std::max(word.size(), name.size()) / 3 + (name.size() < 3) &&
        (!nearest || d < distance))
      nearest = &name, distance = d;
  }
  return nearest ? "; did you mean " + *nearest + "?" : "";
}

}  // namespace kindling
