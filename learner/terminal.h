#pragma once

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace kindling {

/// Whether a terminal reads this stream that knows escape sequences: TERM=dumb does not, nor what
/// TERM does not name.
inline bool has_escapes(std::FILE* out) {
  const char* term = std::getenv("TERM");
  return isatty(fileno(out)) && term && std::strcmp(term, "dumb") != 0;
}

/// Whether colours are welcome there besides: not while NO_COLOR is set to anything but nothing
/// (no-color.org).
inline bool use_color(std::FILE* out) {
  const char* no = std::getenv("NO_COLOR");
  return has_escapes(out) && !(no && *no);
}

}  // namespace kindling
