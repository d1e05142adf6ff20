#include "learner/plot/png.h"

#include <stdexcept>

#include "tests/plot/picture.h"
#include "tests/support/png_decoder.h"

using namespace kindling::plot;
using namespace kindling::plot::testing;

namespace {

Canvas some_picture() {
  Canvas canvas(97, 53, 1);
  for (int i = 0; i < 40; ++i) {
    canvas.disc(
        {i * 2.4, 26 + (i * i) % 23 - 11.0}, 3.3,
        {static_cast<std::uint8_t>(6 * i), static_cast<std::uint8_t>(250 - 5 * i), 90, 0.7f});
  }
  return canvas;
}

}  // namespace

TEST_CASE("png: another decoder finds exactly the pixels of the canvas") {
  const Canvas canvas = some_picture();
  const std::string bytes = encode_png(canvas);
  int width = 0, height = 0, channels = 0;
  unsigned char* decoded =
      stbi_load_from_memory(reinterpret_cast<const unsigned char*>(bytes.data()),
                            static_cast<int>(bytes.size()), &width, &height, &channels, 0);
  REQUIRE(decoded != nullptr);
  CHECK(width == 97);
  CHECK(height == 53);
  CHECK(channels == 3);
  const bool equal = std::equal(canvas.pixels().begin(), canvas.pixels().end(), decoded);
  CHECK(equal);
  stbi_image_free(decoded);
}

TEST_CASE("png: the same picture gives the same bytes") {
  CHECK(encode_png(some_picture()) == encode_png(some_picture()));
  Canvas other = some_picture();
  other.disc({50, 20}, 1, kInk);
  CHECK(encode_png(other) != encode_png(some_picture()));
}

TEST_CASE("png: the file holds the bytes; a missing folder is reported in one line") {
  const TemporaryFolder folder;
  write_png(folder.file("a.png"), some_picture());
  CHECK(file_bytes(folder.file("a.png")) == encode_png(some_picture()));
  CHECK(folder.entries() == 1);
  const std::string missing = folder.file("none/a.png");
  CHECK_THROWS_WITH_AS(write_png(missing, some_picture()),
                       ("[png] cannot write '" + missing + "': No such file or directory").c_str(),
                       std::runtime_error);
}
