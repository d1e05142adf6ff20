#pragma once

#include <exception>
#include <string>

#include "engine/error.h"

namespace kindling::test {

/// The message of the E that f throws; otherwise, in brackets of another kind, what happened
/// instead.
template <class E = Error, class F>
std::string message_of(const F& f) {
  try {
    f();
  } catch (const E& error) {
    return error.what();
  } catch (const std::exception& error) {
    return str("<another exception: ", error.what(), ">");
  }
  return "<nothing was thrown>";
}

inline bool begins(const std::string& text, const std::string& start) {
  return text.compare(0, start.size(), start) == 0;
}
inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace kindling::test
