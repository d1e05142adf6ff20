#pragma once

#include <cstdio>
#include <nlohmann/json.hpp>

namespace kindling {

/// A result as one line of JSON on stdout. What is no UTF-8, in a path say, becomes U+FFFD.
inline void print_json(const nlohmann::ordered_json& result) {
  using nlohmann::ordered_json;
  std::printf("%s\n", result.dump(-1, ' ', false, ordered_json::error_handler_t::replace).c_str());
}

}  // namespace kindling
