#include "data/image_file.h"

#include <doctest/doctest.h>
#include <zlib.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>

#include "tests/data/image_files.h"
#include "tests/support/errors.h"

namespace kindling::test {

namespace {

namespace fs = std::filesystem;

/// Brightness rising to the right, a little also downwards.
ByteArray ramp(Index height, Index width, Index channels) {
  ByteArray image(Shape{height, width, channels});
  for (Index i = 0; i < image.size(); ++i)
    image.data()[i] =
        static_cast<std::uint8_t>(20 + 4 * (i / channels % width) + i / channels / width);
  return image;
}

}  // namespace

TEST_CASE("image: the pixels of a PNG, grey or coloured, as either") {
  const TempDir folder;
  for (const Index channels : {1, 2, 3, 4}) {
    CAPTURE(channels);
    ByteArray image = noise(5, 7, channels);
    // Of the images with transparency every other pixel is, and shows white.
    for (Index i = 0; channels % 2 == 0 && i < 35; ++i) {
      std::uint8_t* pixel = image.data() + i * channels;
      pixel[channels - 1] = i % 2 == 0 ? 255 : 0;
    }
    const fs::path path = write(folder, "a.png", png(image));
    const ByteArray grey = read_image(path, 1), rgb = read_image(path, 3);
    REQUIRE(grey.shape() == Shape{5, 7, 1});
    REQUIRE(rgb.shape() == Shape{5, 7, 3});
    for (Index i = 0; i < 35; ++i) {
      std::vector<std::uint8_t> pixel(image.values().begin() + i * channels,
                                      image.values().begin() + (i + 1) * channels);
      if (channels % 2 == 0 && i % 2 == 1) pixel.assign(pixel.size(), 255);
      for (Index c = 0; c < 3; ++c) CHECK(rgb[3 * i + c] == pixel[channels < 3 ? 0 : c]);
      const double luma =
          channels < 3 ? pixel[0] : 0.299 * pixel[0] + 0.587 * pixel[1] + 0.114 * pixel[2];
      CHECK(std::abs(grey[i] - luma) <= (channels < 3 ? 0 : 1.5));
    }
  }
}

TEST_CASE("image: of 16 bits the upper ones, whether the file tells their scale or not") {
  // A grey PNG of one row, by the format's own words (ISO 15948): length, kind, data, CRC.
  const auto png16 = [](const std::vector<std::uint16_t>& row, bool tells_scale) {
    Bytes file{0x89, 'P', 'N', 'G', 13, 10, 26, 10};
    const auto number = [](Bytes& to, std::uint32_t value) {
      for (const int shift : {24, 16, 8, 0})
        to.push_back(static_cast<std::uint8_t>(value >> shift));
    };
    const auto chunk = [&](const std::string& kind, const Bytes& data) {
      number(file, static_cast<std::uint32_t>(data.size()));
      Bytes body(kind.begin(), kind.end());
      body.insert(body.end(), data.begin(), data.end());
      file.insert(file.end(), body.begin(), body.end());
      number(file,
             static_cast<std::uint32_t>(::crc32(0, body.data(), static_cast<uInt>(body.size()))));
    };
    Bytes head;
    number(head, static_cast<std::uint32_t>(row.size()));
    number(head, 1);
    head.insert(head.end(), {16, 0, 0, 0, 0});
    chunk("IHDR", head);
    if (tells_scale) chunk("sRGB", {0});
    Bytes line{0}, packed(200);
    for (const std::uint16_t value : row) {
      line.push_back(static_cast<std::uint8_t>(value >> 8));
      line.push_back(static_cast<std::uint8_t>(value));
    }
    uLongf size = packed.size();
    REQUIRE(::compress(packed.data(), &size, line.data(), line.size()) == Z_OK);
    packed.resize(size);
    chunk("IDAT", packed);
    chunk("IEND", {});
    return file;
  };
  const TempDir folder;
  for (const bool tells_scale : {false, true}) {
    const ByteArray grey =
        read_image(folder.write("16.png", png16({0, 0x1a1a, 0x8080, 0xffff}, tells_scale)), 1);
    CHECK(equal(grey, ByteArray(Shape{1, 4, 1}, {0, 0x1a, 0x80, 0xff})));
  }
}

TEST_CASE("image: a JPEG is nearly what it was made of") {
  const TempDir folder;
  const ByteArray image = ramp(24, 40, 3);
  const ByteArray got = read_image(write(folder, "a.jpg", jpeg(image)), 3);
  REQUIRE(got.shape() == image.shape());
  for (Index i = 0; i < got.size(); ++i)
    CHECK(std::abs(int{got[i]} - int{std::as_const(image)[i]}) <= 6);
}

TEST_CASE("image: a PNG that is cut or has a bit turned over anywhere is refused") {
  const TempDir folder;
  const Bytes whole = png(noise(4, 5, 3));
  const auto refused = [&](const Bytes& bytes) {
    const fs::path path = folder.write("a.png", bytes);
    return begins(message_of([&] { read_image(path, 3); }), str("[image] ", path, ": "));
  };
  CHECK_FALSE(refused(whole));
  for (std::size_t n = 0; n < whole.size(); ++n)
    CHECK(refused(Bytes(whole.begin(), whole.begin() + static_cast<long>(n))));
  for (std::size_t bit = 0; bit < 8 * whole.size(); ++bit) {
    Bytes damaged = whole;
    damaged[bit / 8] = static_cast<std::uint8_t>(damaged[bit / 8] ^ (1 << bit % 8));
    CHECK(refused(damaged));
  }
  Bytes longer = whole;
  longer.push_back(0);
  CHECK(refused(longer));
}

TEST_CASE("image: a JPEG that is cut is refused, and a damaged one does no harm") {
  const TempDir folder;
  const Bytes whole = jpeg(noise(16, 16, 3));
  const auto message = [&](const Bytes& bytes) {
    const fs::path path = folder.write("a.jpg", bytes);
    return message_of([&] { read_image(path, 1); });
  };
  for (std::size_t n = 0; n < whole.size(); ++n)
    CHECK(begins(message(Bytes(whole.begin(), whole.begin() + static_cast<long>(n))), "[image] "));
  for (std::size_t bit = 0; bit < 8 * whole.size(); bit += 3) {
    Bytes damaged = whole;
    damaged[bit / 8] = static_cast<std::uint8_t>(damaged[bit / 8] ^ (1 << bit % 8));
    const std::string said = message(damaged);
    CHECK((begins(said, "[image] ") || said == "<nothing was thrown>"));
  }
}

TEST_CASE("image: what cameras write behind a JPEG does not matter") {
  const TempDir folder;
  const Bytes plain = jpeg(ramp(16, 16, 3));
  const ByteArray want = read_image(write(folder, "plain.jpg", plain), 3);
  for (const std::string& trailer :
       {std::string(7, '\0'), std::string("x"), std::string("a film")}) {
    Bytes longer = plain;
    longer.insert(longer.end(), trailer.begin(), trailer.end());
    CHECK(equal(read_image(write(folder, "longer.jpg", longer), 3), want));
  }
}

TEST_CASE("image: a photo stands upright, whichever way the camera was held") {
  const TempDir folder;
  // Four corners of a scene of 16 x 24 pixels, each brighter than the one before: top left, top
  // right, bottom left, bottom right.
  const Index h = 16, w = 24;
  const auto corner = [](Index y, Index x, Index rows, Index columns) {
    return 40 + 60 * (x >= columns / 2) + 100 * (y >= rows / 2);
  };
  // Which edge of the scene the file's first row and its first column are (EXIF 2.32, 4.6.4).
  const char* const edges[] = {"tl", "tr", "br", "bl", "lt", "rt", "rb", "lb"};
  for (int orientation = 1; orientation <= 8; ++orientation)
    for (const bool big_endian : {true, false}) {
      CAPTURE(orientation);
      const std::string edge = edges[orientation - 1];
      const bool sideways = edge[0] == 'l' || edge[0] == 'r';
      ByteArray stored(sideways ? Shape{w, h, 3} : Shape{h, w, 3});
      for (Index row = 0; row < stored.dim(0); ++row)
        for (Index column = 0; column < stored.dim(1); ++column) {
          // The place in the scene: `row` counts from the first edge, `column` from the second.
          Index y = 0, x = 0;
          for (const auto& [which, far] : {std::pair{edge[0], row}, {edge[1], column}}) {
            if (which == 't') y = far;
            if (which == 'b') y = h - 1 - far;
            if (which == 'l') x = far;
            if (which == 'r') x = w - 1 - far;
          }
          for (Index c = 0; c < 3; ++c)
            stored.data()[(row * stored.dim(1) + column) * 3 + c] =
                static_cast<std::uint8_t>(corner(y, x, h, w));
        }
      const auto o = static_cast<std::uint8_t>(orientation);
      // A segment APP1: "Exif", and a TIFF of one entry, number 0x112, one SHORT.
      Bytes exif{0xff, 0xe1, 0, 34, 'E', 'x', 'i', 'f', 0, 0};
      const Bytes tiff = big_endian ? Bytes{'M', 'M', 0, 42, 0, 0, 0, 8, 0, 1, 1, 0x12, 0,
                                            3,   0,   0, 0,  1, 0, o, 0, 0, 0, 0, 0,    0}
                                    : Bytes{'I', 'I', 42, 0, 8, 0, 0, 0, 1, 0, 0x12, 1, 3,
                                            0,   1,   0,  0, 0, o, 0, 0, 0, 0, 0,    0, 0};
      exif.insert(exif.end(), tiff.begin(), tiff.end());
      Bytes file = jpeg(stored);
      file.insert(file.begin() + 2, exif.begin(), exif.end());
      const ByteArray got = read_image(write(folder, "held.jpg", file), 1);
      REQUIRE(got.shape() == Shape{h, w, 1});
      for (const auto& [y, x] :
           {std::pair<Index, Index>{3, 3}, {3, w - 4}, {h - 4, 3}, {h - 4, w - 4}})
        CHECK(std::abs(got[y * w + x] - corner(y, x, h, w)) < 20);
    }
}

TEST_CASE("image: bad input in one line") {
  const TempDir folder;
  const auto message = [&](const std::string& name, const Bytes& bytes) {
    const fs::path path = folder.write(name, bytes);
    return message_of([&] { read_image(path, 3); }).substr(str("[image] ", path, ": ").size());
  };
  CHECK(message("a.png", {}) == "is neither PNG nor JPEG");
  CHECK(message("a.png", {'G', 'I', 'F', '8', '9', 'a'}) == "is neither PNG nor JPEG");
  // A header that promises 2^14 x 2^14 pixels, with a checksum that agrees.
  Bytes huge = png(noise(1, 1, 1));
  huge[16 + 2] = huge[20 + 2] = 64;
  const auto crc = ::crc32_z(0, huge.data() + 12, 17);
  for (std::size_t i = 0; i < 4; ++i) huge[29 + i] = static_cast<std::uint8_t>(crc >> (24 - 8 * i));
  CHECK(begins(message("a.png", huge), "16385 x 16385 pixels cannot be in "));
  CHECK(message_of([] { read_image("/no/a.png", 3); }) ==
        "[image] \"/no/a.png\": there is no such file");
  CHECK(message_of([] { read_image("/no/a.png", 4); }) ==
        "[image] 4 channels: 1 (grey) or 3 (RGB) expected");
}

TEST_CASE(
    "resize_image: constant stays constant, a ramp stays a ramp, the same size stays the same") {
  const ByteArray flat(Shape{5, 3, 3}, std::uint8_t{77});
  for (const auto& size : {std::pair{10, 2}, {1, 1}, {3, 90}}) {
    const ByteArray got = resize_image(flat, size.first, size.second);
    REQUIRE(got.shape() == Shape{size.first, size.second, 3});
    for (const std::uint8_t v : got.values()) CHECK(v == 77);
  }
  const ByteArray slope = ramp(16, 24, 1);
  const ByteArray wide = resize_image(slope, 32, 48), narrow = resize_image(slope, 8, 12);
  for (Index row = 4; row < 28; ++row)
    for (Index col = 6; col < 42; ++col) {
      // Pixel centres: output pixel i lies at (i + 0.5) / 2 - 0.5 of the input.
      const double expected = 20 + 4 * ((col + 0.5) / 2 - 0.5) + (row + 0.5) / 2 - 0.5;
      CHECK(std::abs(wide[row * 48 + col] - expected) <= 1.01);
    }
  for (Index row = 2; row < 6; ++row)
    for (Index col = 2; col < 10; ++col)
      CHECK(std::abs(narrow[row * 12 + col] - (20 + 4 * (2 * col + 0.5) + 2 * row + 0.5)) <= 1.01);
  CHECK(message_of([&] { resize_image(flat, 0, 3); }) ==
        "[resize_image] to 0 x 3: 1 to 32768 expected");
  CHECK(message_of([&] {
          resize_image(ByteArray(Shape{3, 3}), 1, 1);
        }) == "[resize_image] (H, W, C) expected, got (3,3)");
}

}  // namespace kindling::test
