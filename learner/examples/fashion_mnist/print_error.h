#pragma once

#include <cstdio>
#include <string>

#include "engine/error.h"
#include "learner/terminal.h"

namespace kindling {

/// What went wrong, as one line on stderr; "error:" is red where colours are welcome.
inline void print_error(const std::string& what) {
  const bool color = use_color(stderr);
  std::fprintf(stderr, "fashion_mnist: %serror:%s %s\n", color ? "\x1b[1;31m" : "",
               color ? "\x1b[0m" : "", one_line(what).c_str());
}

}  // namespace kindling
