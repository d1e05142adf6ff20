#include "learner/files/flat_json.h"

#include "engine/error.h"

namespace kindling {

using nlohmann::json;
using nlohmann::ordered_json;

json parse_flat(const std::string& text, int levels) {
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

namespace {

template <class Json>
std::string text_of(const Json& value, const std::string& who) {
  try {
    return value.dump();
  } catch (const nlohmann::json::exception&) {
    throw Error(who + ": a name or a word is not UTF-8");
  }
}

}  // namespace

std::string json_text(const json& value, const std::string& who) { return text_of(value, who); }
std::string json_text(const ordered_json& value, const std::string& who) {
  return text_of(value, who);
}

}  // namespace kindling
