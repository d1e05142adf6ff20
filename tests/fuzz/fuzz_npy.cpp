// Any bytes at all as a .npy file: an Error, or an array of as many numbers as there are bytes for.

#include <cstdlib>

#include "engine/error.h"
#include "learner/files/npy.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t n) {
  using namespace kindling;
  try {
    const std::string_view file(reinterpret_cast<const char*>(bytes), n);
    const NpyArray got = parse_npy(file, "fuzz");
    // Written by us and read again it is the same array.
    if (npy_bytes(parse_npy(npy_bytes(got, ""), ""), "") != npy_bytes(got, "")) std::abort();
    if (as_scalars(got).size() > static_cast<Index>(n)) std::abort();
  } catch (const Error&) {
  }
  return 0;
}
