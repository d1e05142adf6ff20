#pragma once

#include <charconv>
#include <optional>
#include <string>

namespace kindling {

/// The number of at least 0 that a text is, and nothing else: none for what T cannot hold, nor for
/// 010, which some programs take for 8.
template <class T = int>
std::optional<T> whole_number(const std::string& text) {
  T number = 0;
  const char *begin = text.data(), *end = begin + text.size();
  const auto [stop, error] = std::from_chars(begin, end, number);
  const bool zeros = text.size() > 1 && text[0] == '0';
  if (error != std::errc() || stop != end || text.starts_with('-') || zeros) return {};
  return number;
}

}  // namespace kindling
