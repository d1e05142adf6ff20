#pragma once

#include <cstdio>
#include <exception>

#include "data/fashion_mnist.h"
#include "engine/random.h"

namespace kindling {

/// What the short programs share: a seed, and errors as one line and a nonzero status.
template <class Body>
int run_example(const char* name, const Body& body) {
  try {
    set_seed(1);
    body();
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", name, error.what());
    return 1;
  }
}

}  // namespace kindling
