// Any bytes at all as a table: an Error, or rows that the bytes have room for.

#include <cstdlib>

#include "data/csv_dataset.h"
#include "engine/error.h"
#include "tests/fuzz/as_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t n) {
  using namespace kindling;
  const test::AsFile file(bytes, n);
  for (const bool header : {false, true}) {
    try {
      const CsvDataset csv = load_csv(file.path(), {.header = header, .regress = n % 2 == 1});
      const auto numbers = static_cast<std::size_t>(csv.data.size()) * (csv.features.size() + 1);
      if (csv.data.size() == 0 || 2 * numbers > n + 1) std::abort();
    } catch (const Error&) {
    }
  }
  return 0;
}
