#pragma once

#include <nlohmann/json.hpp>

namespace kindling {

/// A result as one line of JSON on stdout. What is no UTF-8, in a path say, becomes U+FFFD.
void print_json(const nlohmann::ordered_json& result);

}  // namespace kindling
