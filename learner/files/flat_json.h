#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "engine/error.h"

namespace kindling {

/// The JSON value of the text; a discarded one when it is not JSON or nests deeper than so many
/// levels (0: no list and no object). Of a text that nests without end every byte would be worth a
/// hundred of memory.
inline nlohmann::json parse_flat(const std::string& text, int levels) {
  using nlohmann::json;
  struct TooDeep {};
  const auto look = [&](int depth, json::parse_event_t event, json&) {
    const bool opens =
        event == json::parse_event_t::object_start || event == json::parse_event_t::array_start;
    if (opens && depth >= levels) throw TooDeep();
    return true;
  };
  try {
    return json::parse(text, look, /*allow_exceptions=*/false);
  } catch (const TooDeep&) {
    return json(json::value_t::discarded);
  }
}

/// As text. Throws Error, beginning with `who`, when it holds words that are not UTF-8.
template <class Json>
std::string json_text(const Json& value, const std::string& who) {
  try {
    return value.dump();
  } catch (const nlohmann::json::exception&) {
    throw Error(who + ": a name or a word is not UTF-8");
  }
}

}  // namespace kindling
