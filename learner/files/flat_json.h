#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace kindling {

// The library's parser and writer are templates that take seconds to compile, so they stand in one
// file.

/// The JSON value of the text; a discarded one when it is not JSON or nests deeper than so many
/// levels (0: no list and no object). Of a text that nests without end every byte would be worth a
/// hundred of memory.
nlohmann::json parse_flat(const std::string& text, int levels);

/// As text. Throws Error, beginning with `who`, when it holds words that are not UTF-8.
/// @{
std::string json_text(const nlohmann::json& value, const std::string& who);
std::string json_text(const nlohmann::ordered_json& value, const std::string& who);
/// @}

}  // namespace kindling
