// Any bytes at all as a weights file: an Error, or arrays that no two bytes of the file share.

#include "engine/error.h"
#include "learner/files/safetensors.h"
#include "tests/fuzz/as_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t n) {
  using namespace kindling;
  const test::AsFile file(bytes, n);
  try {
    const NamedArrays got = read_safetensors(file.path());
    std::size_t used = 0;
    for (const auto& [name, array] : got.arrays)
      used += sizeof(float) * static_cast<std::size_t>(array.size());
    if (used > n) std::abort();
  } catch (const Error&) {
  }
  return 0;
}
