// Any bytes at all as an IDX file, plain or zipped: an Error, or an array of what they say.

#include <new>

#include "data/idx.h"
#include "engine/error.h"
#include "tests/fuzz/as_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t n) {
  using namespace kindling;
  const test::AsFile file(bytes, n);
  for (const int rank : {1, 3}) {
    try {
      const ByteArray array = read_idx(file.path(), rank);
      // Nothing zipped is a thousand times as large; plain bytes must be the very same ones.
      if (array.rank() != rank || array.size() > static_cast<Index>(n) * 1032) std::abort();
      const bool zipped = bytes[0] == 0x1f;
      const std::size_t header = 4 + 4 * static_cast<std::size_t>(rank);
      if (!zipped && header + array.values().size() != n) std::abort();
      for (std::size_t i = 0; !zipped && i < array.values().size(); ++i)
        if (array.values()[i] != bytes[header + i]) std::abort();
    } catch (const Error&) {
    }
  }
  return 0;
}
