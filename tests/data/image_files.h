#pragma once

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <string>

#include "engine/array.h"
#include "engine/random.h"
#include "tests/data/idx_files.h"
#include "tests/support/stb_write.h"

/// PNG and JPEG files for the tests of what reads them.
namespace kindling::test {

using testing::Bytes;
using testing::TempDir;

inline void append(void* to, void* data, int size) {
  const auto* bytes = static_cast<const std::uint8_t*>(data);
  static_cast<Bytes*>(to)->insert(static_cast<Bytes*>(to)->end(), bytes, bytes + size);
}

inline int extent(const ByteArray& image, int axis) { return static_cast<int>(image.dim(axis)); }

inline Bytes png(const ByteArray& image) {
  Bytes bytes;
  stbi_write_png_to_func(append, &bytes, extent(image, 1), extent(image, 0), extent(image, 2),
                         image.data(), extent(image, 1) * extent(image, 2));
  return bytes;
}
inline Bytes jpeg(const ByteArray& image) {
  Bytes bytes;
  stbi_write_jpg_to_func(append, &bytes, extent(image, 1), extent(image, 0), extent(image, 2),
                         image.data(), 95);
  return bytes;
}

/// Any bytes.
inline ByteArray noise(Index height, Index width, Index channels, std::uint64_t seed = 1) {
  const Array numbers = Random(seed).uniform(Shape{height, width, channels}, 0, 256);
  ByteArray image(numbers.shape());
  for (Index i = 0; i < image.size(); ++i) image.data()[i] = static_cast<std::uint8_t>(numbers[i]);
  return image;
}

inline bool equal(const ByteArray& a, const ByteArray& b) {
  return a.shape() == b.shape() &&
         std::equal(a.values().begin(), a.values().end(), b.values().begin());
}

/// Writes a file into the folder, or into one within it.
inline std::filesystem::path write(const TempDir& folder, const std::string& name,
                                   const Bytes& bytes) {
  std::filesystem::create_directories((folder.path() / name).parent_path());
  return folder.write(name, bytes);
}

}  // namespace kindling::test
