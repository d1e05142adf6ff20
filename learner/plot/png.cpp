#include "learner/plot/png.h"

#include <stdexcept>

#include "learner/files/atomic_file.h"

#if defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#endif
#define STB_IMAGE_WRITE_STATIC
#define STBI_WRITE_NO_STDIO
#define STB_IMAGE_WRITE_IMPLEMENTATION
#include <stb/stb_image_write.h>
#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif

namespace kindling::plot {

std::string encode_png(const Canvas& canvas) {
  std::string bytes;
  const auto append = [](void* to, void* data, int size) {
    static_cast<std::string*>(to)->append(static_cast<const char*>(data),
                                          static_cast<std::size_t>(size));
  };
  if (!stbi_write_png_to_func(append, &bytes, canvas.pixel_width(), canvas.pixel_height(), 3,
                              canvas.pixels().data(), canvas.pixel_width() * 3)) {
    throw std::runtime_error("[png] not enough memory to encode the picture");
  }
  return bytes;
}

void write_png(const std::string& path, const Canvas& canvas) {
  write_file_atomically(path, encode_png(canvas), "png");
}

}  // namespace kindling::plot
