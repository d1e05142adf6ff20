#pragma once

#include <cstdio>
#include <cstring>
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

/// The same for the programs of the book: the body is told whether to be short, `--short`, that is
/// to take a second or two on fewer rows. Its results go to stdout. Any other argument: status 2.
template <class Body>
int run_example(const char* name, int argc, char** argv, const Body& body) {
  const bool brief = argc == 2 && std::strcmp(argv[1], "--short") == 0;
  if (argc > 1 && !brief)
    return std::fprintf(stderr, "%s: --short or nothing expected, not %s\n", name, argv[argc - 1]),
           2;
  return run_example(name, [&] { body(brief); });
}

}  // namespace kindling
