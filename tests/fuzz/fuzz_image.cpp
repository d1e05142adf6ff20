// Any bytes at all as a PNG or JPEG file: an Error, or an image that such a file can hold.

#include <cstdlib>

#include "data/image_file.h"
#include "engine/error.h"
#include "tests/fuzz/as_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t n) {
  using namespace kindling;
  const test::AsFile file(bytes, n);
  try {
    const ByteArray image = read_image(file.path(), 1);
    if (image.rank() != 3 || image.size() > static_cast<Index>(8 * 1032 * n)) std::abort();
  } catch (const Error&) {
  }
  return 0;
}
