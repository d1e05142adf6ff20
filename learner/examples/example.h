#pragma once

#include <cstdio>
#include <exception>

#include "data/fashion_mnist.h"
#include "engine/machine.h"
#include "engine/parallel.h"
#include "engine/random.h"

namespace kindling {

/// One line on stderr: what the program was compiled for, and how many threads it uses.
inline void print_machine() {
  std::fprintf(stderr, "kindling: %s, %d thread%s\n", kInstructionSet, max_threads(),
               max_threads() == 1 ? "" : "s");
}

/// What the short programs share: a seed, and errors as one line and a nonzero status.
template <class Body>
int run_example(const char* name, const Body& body) {
  try {
    print_machine();
    set_seed(1);
    body();
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", name, error.what());
    return 1;
  }
}

}  // namespace kindling
