#pragma once

#include <locale>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>

namespace kindling {

/// Joins its arguments as a stream without a locale would print them:
/// str("expected ", 3, ", got ", shape).
template <class... Ts>
std::string str(const Ts&... parts) {
  std::ostringstream out;
  out.imbue(std::locale::classic());  // a program may have asked for 60.000 where we write 60000
  (out << ... << parts);
  return out.str();
}

/// `text` as one line that a terminal can show: control characters as `\xNN`, byte by byte, and
/// nothing beyond the first 4,000 bytes. Messages quote names from files, which may hold anything.
inline std::string one_line(const std::string& text) {
  constexpr std::size_t kMost = 4000;
  const auto byte = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u;
  };
  const auto is_control = [&](std::size_t i) { return byte(i) < 0x20 || byte(i) == 0x7f; };
  // Those of Latin-1, in UTF-8 two bytes: one of them begins what a terminal obeys, as escape does.
  const auto begins_control = [&](std::size_t i) {
    return byte(i) == 0xc2 && byte(i + 1) >= 0x80 && byte(i + 1) < 0xa0;
  };
  std::string line;
  for (std::size_t i = 0; i < text.size() && i < kMost; ++i)
    if (is_control(i) || begins_control(i) || (i > 0 && begins_control(i - 1)))
      line += {'\\', 'x', "0123456789abcdef"[byte(i) >> 4], "0123456789abcdef"[byte(i) & 15]};
    else
      line += text[i];
  return text.size() > kMost ? line + " ..." : line;
}

/// Everything a user can get wrong. what() is one line that names the thing, what was expected and
/// what came. As an error leaves a module, the module puts its name in front, so that the line ends
/// up saying which layer of the model it was: `3.0: [conv2d] x (8,28,28,3): ...`. For that a
/// message begins with its [who], as check() has it; and what leaves a module is an Error or a
/// ShapeError itself, whatever was derived from them.
class Error : public std::runtime_error {
 public:
  /// what() is one_line(message).
  explicit Error(const std::string& message) : std::runtime_error(one_line(message)) {}
};

/// Shapes, axes or index ranges that do not fit.
class ShapeError : public Error {
 public:
  using Error::Error;  ///< As for an Error.
};

/// Throws E("[who] " + parts...) unless ok. The message is only put together on failure.
template <class E = ShapeError, class... Ts>
void check(bool ok, const char* who, const Ts&... parts) {
  if (!ok) [[unlikely]]
    throw E(str("[", who, "] ", parts...));
}

}  // namespace kindling
