// Any bytes at all as a .npz file: an Error, or arrays that such a file can hold.

#include <cstdlib>

#include "engine/error.h"
#include "learner/files/npz.h"
#include "tests/fuzz/as_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t n) {
  using namespace kindling;
  const test::AsFile file(bytes, n);
  try {
    std::size_t numbers = 0;
    for (const auto& [name, array] : read_npz(file.path()).arrays)
      numbers += static_cast<std::size_t>(as_scalars(array).size());
    if (numbers > 1032 * n) std::abort();
  } catch (const Error&) {
  }
  return 0;
}
