// Writes two checkpoints by turns over the same file, until it is killed.
//
//     checkpoint_writer FIRST SECOND FILE
//
// FIRST and SECOND are written once, to compare FILE with. Says "ready" on stdout when FILE is
// there for the first time.

#include <cstdio>
#include <exception>

#include "tests/learner/small_fit.h"

int main(int argc, char** argv) {
  using kindling::test::SmallFit;
  if (argc != 4) return 2;
  try {
    kindling::set_threads(1);
    SmallFit first(1, 4000), second(2, 4000);
    first.run(2);
    second.run(7);
    first.save(argv[1]);
    second.save(argv[2]);
    first.save(argv[3]);
    std::puts("ready");
    std::fflush(stdout);
    for (;;) {
      second.save(argv[3]);
      first.save(argv[3]);
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "checkpoint_writer: %s\n", error.what());
    return 1;
  }
}
