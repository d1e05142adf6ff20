// Any bytes at all, zipped, as an IDX file: what a checksum that agrees lets through. The first
// byte says how well they are zipped and where they are cut into two members.

#include "data/idx.h"
#include "engine/error.h"
#include "tests/data/idx_files.h"
#include "tests/fuzz/as_file.h"

/// zlib's buffers are large and short-lived: few of the freed ones are kept under watch, or they
/// would be taken for a leak.
extern "C" const char* __asan_default_options() { return "quarantine_size_mb=16"; }

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t n) {
  using namespace kindling;
  if (n == 0) return 0;
  const int level = bytes[0] % 10;
  const std::size_t cut = static_cast<std::size_t>(bytes[0] / 10) % n;
  const testing::Bytes plain(bytes + 1, bytes + n);
  const auto middle = plain.begin() + static_cast<long>(cut);
  testing::Bytes file = testing::gzip({plain.begin(), middle}, level);
  if (middle != plain.end()) {
    const testing::Bytes rest = testing::gzip({middle, plain.end()}, level);
    file.insert(file.end(), rest.begin(), rest.end());
  }
  const test::AsFile as_file(file.data(), file.size());
  for (const int rank : {1, 3}) {
    try {
      // Only a file of this rank, neither too long nor too short, is an array, and then of its
      // bytes.
      const ByteArray array = read_idx(as_file.path(), rank);
      const std::size_t header = 4 + 4 * static_cast<std::size_t>(rank);
      if (plain.size() != header + array.values().size() || plain[3] != rank) std::abort();
      for (std::size_t i = 0; i < array.values().size(); ++i)
        if (array.values()[i] != plain[header + i]) std::abort();
    } catch (const Error&) {
    }
  }
  return 0;
}
