#pragma once

#include <cstdlib>
#include <string_view>

namespace kindling::test {

/// Whether the campaigns run in full (KINDLING_LONG=1), not the share of them that fits the suite.
inline bool long_run() {
  const char* value = std::getenv("KINDLING_LONG");
  return value && std::string_view(value) == "1";
}

}  // namespace kindling::test
