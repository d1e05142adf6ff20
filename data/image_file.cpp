#include "data/image_file.h"

#include <libexif/exif-data.h>
#include <png.h>
#include <turbojpeg.h>
#include <zlib.h>

#include <algorithm>
#include <new>
#include <string>
#include <string_view>

#include "data/read_file.h"
#include "engine/error.h"

#if defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#endif
#define STB_IMAGE_RESIZE_STATIC
#define STB_IMAGE_RESIZE_IMPLEMENTATION
#include <stb/stb_image_resize.h>
#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif

namespace kindling {

namespace {

constexpr std::string_view kPng = "\x89PNG\r\n\x1a\n", kJpeg = "\xff\xd8\xff",
                           kJpegEnd = "\xff\xd9";
/// The most pixels that a byte of a file can stand for: deflated, it is 1032 bytes at best, of
/// eight pixels each; a JPEG needs a bit for every 8 x 8 pixels.
constexpr std::uint64_t kPngPixels = 8 * 4 * 258, kJpegPixels = 8 * 64;
/// And the most of all: no photo has more, and memory is seven bytes for each.
constexpr std::uint64_t kMostPixels = 1 << 28;

std::uint32_t big_endian(std::string_view bytes) {
  std::uint32_t value = 0;
  for (int i = 0; i < 4; ++i) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

/// What is wrong with the chunks of a PNG file (length, type, data, checksum of the last two), of
/// which libpng would let some pass; "" if nothing is.
std::string png_trouble(std::string_view file) {
  file.remove_prefix(kPng.size());
  for (;;) {
    if (file.size() < 12 || big_endian(file) > file.size() - 12) return "truncated";
    const std::string_view rest = file.substr(4), chunk = rest.substr(0, 4 + big_endian(file));
    const auto sum = ::crc32_z(0, reinterpret_cast<const Bytef*>(chunk.data()), chunk.size());
    if (sum != big_endian(rest.substr(chunk.size()))) return "damaged: a checksum does not agree";
    file = rest.substr(chunk.size() + 4);
    if (!chunk.starts_with("IEND")) continue;
    return file.empty() ? "" : "more bytes follow its end";
  }
}

/// A JPEG has no checksum. But a cut one lacks its end, behind which cameras write what they like;
/// that the end is not that of a preview inside, the decoder finds out.
std::string jpeg_trouble(std::string_view file) {
  return file.find(kJpegEnd) == std::string_view::npos ? "truncated" : "";
}

/// Throws Error when a file of that many bytes cannot hold so many pixels.
Shape rgb_shape(const std::filesystem::path& path, std::size_t bytes, std::uint64_t pixels_per_byte,
                Index height, Index width) {
  const auto pixels = static_cast<std::uint64_t>(height) * static_cast<std::uint64_t>(width);
  check<Error>(pixels <= pixels_per_byte * bytes, "image", path, ": ", height, " x ", width,
               " pixels cannot be in ", bytes, " bytes");
  check<Error>(pixels <= kMostPixels, "image", path, ": ", height, " x ", width,
               " pixels, at most ", kMostPixels, " in all expected");
  return Shape{height, width, 3};
}

ByteArray decode_png(const std::filesystem::path& path, std::string_view file) {
  struct Image : png_image {
    Image() : png_image{} { version = PNG_IMAGE_VERSION; }
    ~Image() { png_image_free(this); }
  } image;
  const auto require = [&](int ok) {
    check<Error>(ok != 0, "image", path, ": cannot be decoded: ", image.message);
  };
  require(png_image_begin_read_from_memory(&image, file.data(), file.size()));
  image.flags |= PNG_IMAGE_FLAG_16BIT_sRGB;  // 16 bits are no more linear in light than 8 are
  ByteArray rgb(rgb_shape(path, file.size(), kPngPixels, image.height, image.width));
  ByteArray rgba(rgb.shape().with(2, 4));
  image.format = PNG_FORMAT_RGBA;
  require(png_image_finish_read(&image, nullptr, rgba.data(), 0, nullptr));
  // Laid on white as a browser does it; libpng would mix light, not what the file has.
  const std::uint8_t* from = rgba.data();
  std::uint8_t* to = rgb.data();
  for (Index i = 0; i < rgb.size(); ++i) {
    const int value = from[i / 3 * 4 + i % 3], alpha = from[i / 3 * 4 + 3];
    to[i] = static_cast<std::uint8_t>((value * alpha + 255 * (255 - alpha) + 127) / 255);
  }
  return rgb;
}

ByteArray decode_jpeg(const std::filesystem::path& path, std::string_view file) {
  struct Decoder {
    tjhandle handle = tjInitDecompress();
    ~Decoder() { tjDestroy(handle); }
  } decoder;
  if (!decoder.handle) throw std::bad_alloc();
  const auto require = [&](int status) {
    check<Error>(status == 0, "image", path,
                 ": cannot be decoded: ", tjGetErrorStr2(decoder.handle));
  };
  const auto* bytes = reinterpret_cast<const unsigned char*>(file.data());
  int width = 0, height = 0, subsampling = 0, colors = 0;
  require(tjDecompressHeader3(decoder.handle, bytes, file.size(), &width, &height, &subsampling,
                              &colors));
  check<Error>(colors != TJCS_CMYK && colors != TJCS_YCCK, "image", path,
               ": a CMYK JPEG, in printers' colours; RGB or grey expected");
  ByteArray pixels(rgb_shape(path, file.size(), kJpegPixels, height, width));
  require(tjDecompress2(decoder.handle, bytes, file.size(), pixels.data(), width, 0, height,
                        TJPF_RGB, TJFLAG_STOPONWARNING | TJFLAG_LIMITSCANS));
  return pixels;
}

/// How the camera was held, by a JPEG's EXIF data: which edge of the scene its first row and first
/// column are, 1 (top, left) to 8; 1 too when it does not say.
int orientation_of(std::string_view file) {
  constexpr std::size_t kMost = 1 << 20;  // they stand in front, in a segment of at most 64 KiB
  ExifData* data = exif_data_new_from_data(reinterpret_cast<const unsigned char*>(file.data()),
                                           static_cast<unsigned>(std::min(file.size(), kMost)));
  if (!data) return 1;
  const ExifEntry* entry = exif_content_get_entry(data->ifd[EXIF_IFD_0], EXIF_TAG_ORIENTATION);
  const bool number = entry && entry->format == EXIF_FORMAT_SHORT && entry->components == 1;
  const int value = number ? exif_get_short(entry->data, exif_data_get_byte_order(data)) : 1;
  exif_data_unref(data);
  return value >= 1 && value <= 8 ? value : 1;
}

/// The image as the scene was, up where up is.
ByteArray upright(const ByteArray& image, int orientation) {
  if (orientation == 1) return image;
  // For 1 to 8, whether rows count from below or columns from the right, as edges of the file.
  constexpr bool kFromBottom[] = {false, false, true, true, false, true, true, false};
  constexpr bool kFromRight[] = {false, true, true, false, false, false, true, true};
  const bool from_bottom = kFromBottom[orientation - 1], from_right = kFromRight[orientation - 1];
  const bool sideways = orientation >= 5;
  const Index h = image.dim(0), w = image.dim(1), c = image.dim(2);
  ByteArray out(sideways ? Shape{w, h, c} : image.shape());
  std::uint8_t* to = out.data();
  for (Index y = 0; y < out.dim(0); ++y)
    for (Index x = 0; x < out.dim(1); ++x, to += c) {
      const Index row = sideways ? x : y, column = sideways ? y : x;
      const Index from =
          (from_bottom ? h - 1 - row : row) * w + (from_right ? w - 1 - column : column);
      std::copy_n(image.values().data() + from * c, c, to);
    }
  return out;
}

/// Brightness as the eye weighs the colours (Rec. 601), (H, W, 3) -> (H, W, 1).
ByteArray grey(const ByteArray& rgb) {
  ByteArray out(Shape{rgb.dim(0), rgb.dim(1), 1});
  std::uint8_t* to = out.data();
  for (Index i = 0; i < out.size(); ++i)
    to[i] = static_cast<std::uint8_t>(
        (299 * rgb[3 * i] + 587 * rgb[3 * i + 1] + 114 * rgb[3 * i + 2] + 500) / 1000);
  return out;
}

}  // namespace

ByteArray read_image(const std::filesystem::path& path, Index channels) {
  check<Error>(channels == 1 || channels == 3, "image", channels,
               " channels: 1 (grey) or 3 (RGB) expected");
  const std::string file = read_file(path, "image");
  const bool png = file.starts_with(kPng);
  check<Error>(png || file.starts_with(kJpeg), "image", path, ": is neither PNG nor JPEG");
  const std::string trouble = png ? png_trouble(file) : jpeg_trouble(file);
  check<Error>(trouble.empty(), "image", path, ": ", trouble);
  const ByteArray rgb =
      png ? decode_png(path, file) : upright(decode_jpeg(path, file), orientation_of(file));
  return channels == 3 ? rgb : grey(rgb);
}

ByteArray resize_image(const ByteArray& image, Index height, Index width) {
  constexpr Index kMost = 1 << 15;
  check(image.rank() == 3 && image.size() > 0, "resize_image", "(H, W, C) expected, got ",
        image.shape());
  check<Error>(std::min(height, width) >= 1 && std::max(height, width) <= kMost, "resize_image",
               "to ", height, " x ", width, ": 1 to ", kMost, " expected");
  ByteArray out(Shape{height, width, image.dim(2)});
  const auto as_int = [](Index extent) { return static_cast<int>(extent); };
  const int ok =
      stbir_resize_uint8(image.data(), as_int(image.dim(1)), as_int(image.dim(0)), 0, out.data(),
                         as_int(width), as_int(height), 0, as_int(image.dim(2)));
  if (!ok) throw std::bad_alloc();
  return out;
}

}  // namespace kindling
