// Photos become what Fashion-MNIST is made of, and a mistyped name is met with the nearest.

#include <doctest/doctest.h>

#include <turbojpeg.h>

#include <cstdlib>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "engine/random.h"
#include "learner/examples/fashion_mnist/did_you_mean.h"
#include "learner/examples/fashion_mnist/photo.h"
#include "tests/plot/picture.h"
#include "tests/support/errors.h"
#include "tests/support/stb_write.h"

using namespace kindling;

namespace {

constexpr int kSide = 28;

/// What a photo should become: a piece (28, width), light on black, in the middle.
std::vector<int> piece(int width, std::uint64_t seed) {
  Random random(seed);
  const Array numbers = random.uniform(Shape{kSide, width}, 100, 255);
  std::vector<int> pixels(kSide * kSide, 0);
  for (int y = 0; y < kSide; ++y)
    for (int x = 0; x < width; ++x)
      pixels[static_cast<std::size_t>(y * kSide + (kSide - width) / 2 + x)] =
          static_cast<int>(numbers.data()[y * width + x]);
  return pixels;
}

struct Photo {
  int width, height, channels;
  std::vector<unsigned char> pixels;
};

/// The photo of a piece: every pixel `times` as large, on a background of which there is more on
/// the left and above. `shade` is what black becomes; 255 - shade what white does.
Photo photo_of(const std::vector<int>& piece, int times, int shade, int channels) {
  const int width = kSide * times + 31, height = kSide * times + 18;
  Photo photo{width, height, channels, {}};
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      const int column = (x - 20) / times, row = (y - 11) / times;
      const bool inside = x >= 20 && y >= 11 && column < kSide && row < kSide;
      const int light = inside ? piece[static_cast<std::size_t>(row * kSide + column)] : 0;
      const int value = shade + light * (255 - 2 * shade) / 255;
      for (int c = 0; c < channels; ++c)
        photo.pixels.push_back(static_cast<unsigned char>(c == 3 ? 255 : value));
    }
  return photo;
}

void write_png(const std::string& path, const Photo& p) {
  REQUIRE(stbi_write_png(path.c_str(), p.width, p.height, p.channels, p.pixels.data(), 0) != 0);
}

int largest_difference(const ByteArray& image, const std::vector<int>& expected) {
  REQUIRE(image.shape() == Shape{kSide, kSide});
  int largest = 0;
  for (Index i = 0; i < image.size(); ++i)
    largest = std::max(largest, std::abs(image.data()[i] - expected[static_cast<std::size_t>(i)]));
  return largest;
}

std::string error_of(const std::string& path) {
  return test::message_of([&] { read_photo(path); });
}

}  // namespace

TEST_CASE("a photo becomes the piece that is on it") {
  const plot::testing::TemporaryFolder folder;
  const std::string path = folder.file("photo.png");
  for (const int width : {28, 20, 8})
    for (const int times : {1, 3, 10})
      for (const int channels : {1, 3, 4})
        for (const int shade : {0, 255}) {  // dark or light background
          CAPTURE(width);
          CAPTURE(times);
          CAPTURE(channels);
          CAPTURE(shade);
          const std::vector<int> expected = piece(width, 7);
          write_png(path, photo_of(expected, times, shade, channels));
          CHECK(largest_difference(read_photo(path), expected) <= 1);
        }
}

TEST_CASE("a grey background becomes black, and what is transparent counts as background") {
  const plot::testing::TemporaryFolder folder;
  const std::string path = folder.file("photo.png");
  const std::vector<int> expected = piece(28, 8);
  // A background of 200: the piece lies between that and 55.
  write_png(path, photo_of(expected, 4, 200, 3));
  const ByteArray gray = read_photo(path);
  for (int y = 0; y < kSide; ++y)
    for (int x = 0; x < kSide; ++x) {
      const int light = expected[static_cast<std::size_t>(y * kSide + x)];
      const double value = 200 + light * -145 / 255;
      CHECK(std::abs(gray.data()[y * kSide + x] - (200 - value) * 255 / 200) <= 1);
    }
  // The same piece, black on nothing.
  Photo clear = photo_of(expected, 2, 0, 4);
  for (std::size_t i = 0; i < clear.pixels.size(); i += 4) {
    clear.pixels[i + 3] = clear.pixels[i];  // as opaque as it was light
    clear.pixels[i] = clear.pixels[i + 1] = clear.pixels[i + 2] = 0;
  }
  write_png(path, clear);
  CHECK(largest_difference(read_photo(path), expected) <= 1);
}

TEST_CASE("a wide piece is as wide as the image and stands in the middle") {
  const plot::testing::TemporaryFolder folder;
  const std::string path = folder.file("photo.png");
  Photo photo{400, 300, 1, std::vector<unsigned char>(400 * 300, 255)};
  for (int y = 200; y < 250; ++y)
    for (int x = 100; x < 300; ++x) photo.pixels[static_cast<std::size_t>(y * 400 + x)] = 0;
  write_png(path, photo);
  const ByteArray image = read_photo(path);  // 200 x 50 becomes 28 x 7
  for (int y = 0; y < kSide; ++y)
    for (int x = 0; x < kSide; ++x)
      CHECK(image.data()[y * kSide + x] == (y >= 10 && y < 17 ? 255 : 0));
}

TEST_CASE("light that falls from one side, a shadow and specks of dust are not the piece") {
  const plot::testing::TemporaryFolder folder;
  const std::string path = folder.file("photo.png");
  const auto with_square = [](const auto& background) {
    Photo photo{400, 300, 1, {}};
    for (int y = 0; y < 300; ++y)
      for (int x = 0; x < 400; ++x) {
        const bool square = x >= 100 && x < 300 && y >= 80 && y < 280;
        photo.pixels.push_back(static_cast<unsigned char>(square ? 60 : background(x, y)));
      }
    return photo;
  };
  const auto all_are = [&](int value) {
    const ByteArray image = read_photo(path);
    for (Index i = 0; i < image.size(); ++i) REQUIRE(std::abs(image.data()[i] - value) <= 1);
  };
  // From 235 on the left to 195 on the right: 215 in the middle, where a square of 60 becomes
  // (215 - 60) * 255 / 215 = 184, and the square fills the image.
  const auto slope = [](int x, int) { return std::lround(235 - 40 * x / 399.0); };
  write_png(path, with_square(slope));
  all_are(184);
  Photo dusty = with_square(slope);
  for (const auto& [x, y] : {std::pair{5, 5}, {390, 290}, {200, 10}, {3, 150}, {399, 0}})
    dusty.pixels[static_cast<std::size_t>(y * 400 + x)] = 0;
  write_png(path, dusty);
  all_are(184);
  // A shadow that is 40 darker, on the lower two fifths: of the edges' 1400 pixels 640 are in it,
  // so that the background is 240. (240 - 60) * 255 / 240 = 191.
  write_png(path, with_square([](int, int y) { return y < 180 ? 240 : 200; }));
  all_are(191);
}

TEST_CASE("a piece that touches three edges keeps its shape") {
  const plot::testing::TemporaryFolder folder;
  const std::string path = folder.file("photo.png");
  // From top to bottom and, above, to the right edge: 350 of the edges' 1000 pixels are the piece.
  Photo photo{300, 200, 1, std::vector<unsigned char>(300 * 200, 250)};
  for (int y = 0; y < 200; ++y)
    for (int x = 150; x < (y < 100 ? 300 : 250); ++x)
      photo.pixels[static_cast<std::size_t>(y * 300 + x)] = 0;
  write_png(path, photo);
  const ByteArray image = read_photo(path);  // 150 x 200 becomes 21 x 28, from column 3 on
  for (int y = 0; y < kSide; ++y)
    for (int x = 0; x < kSide; ++x) {
      const bool outside = x < 3 || x >= 24, cut = y >= 14 && x >= 17;
      if (outside || x < 16 || y < 14) CHECK(image.data()[y * kSide + x] == (outside ? 0 : 255));
      if (!outside && cut) CHECK(image.data()[y * kSide + x] == 0);
    }
}

TEST_CASE("a pale piece that touches the edges is no shadow") {
  const plot::testing::TemporaryFolder folder;
  const std::string path = folder.file("photo.png");
  // From top to bottom, and beyond a quarter of the edges: 360 of 1000 pixels.
  for (const unsigned char shade : {200, 225}) {
    CAPTURE(static_cast<int>(shade));
    Photo photo{300, 200, 1, std::vector<unsigned char>(300 * 200, 250)};
    for (int y = 0; y < 200; ++y)
      for (int x = 60; x < 240; ++x) photo.pixels[static_cast<std::size_t>(y * 300 + x)] = shade;
    write_png(path, photo);
    const ByteArray image = read_photo(path);  // 180 x 200 becomes 25 x 28, from column 1 or 2 on
    for (int y = 0; y < kSide; ++y)
      for (int x = 0; x < kSide; ++x)
        if (x < 1 || (x > 2 && x < 25) || x > 26)
          CHECK((image.data()[y * kSide + x] > 0) == (x > 2 && x < 25));
  }
}

TEST_CASE("what is no photo says so in one line") {
  CHECK(test::begins(error_of("nowhere.png"), "[image] \"nowhere.png\""));
  CHECK(test::begins(error_of("/dev/zero"), "[image] \"/dev/zero\""));
  const plot::testing::TemporaryFolder folder;
  const std::string path = folder.file("photo.png");
  std::ofstream(path) << "not a picture";
  CHECK(error_of(path) == "[image] \"" + path + "\": is neither PNG nor JPEG");
  for (const int width : {30, 1}) {
    write_png(path, {width, 30, 1, std::vector<unsigned char>(30u * width, 99)});
    CHECK(error_of(path) == "[photo] \"" + path + "\": nothing but background");
  }
}

TEST_CASE("a JPEG in printers' colours is refused by name") {
  const plot::testing::TemporaryFolder folder;
  const std::string path = folder.file("photo.jpg");
  const std::vector<unsigned char> pixels(16 * 16 * 4, 77);
  unsigned char* bytes = nullptr;
  unsigned long size = 0;
  const tjhandle encoder = tjInitCompress();
  REQUIRE(tjCompress2(encoder, pixels.data(), 16, 0, 16, TJPF_CMYK, &bytes, &size, TJSAMP_444, 90,
                      0) == 0);
  std::ofstream(path, std::ios::binary).write(reinterpret_cast<const char*>(bytes), size);
  tjFree(bytes);
  tjDestroy(encoder);
  CHECK(error_of(path) ==
        "[image] \"" + path + "\": a CMYK JPEG, in printers' colours; RGB or grey expected");
}

TEST_CASE("the nearest name, if any is near") {
  CHECK(edit_distance("", "abc") == 3);
  CHECK(edit_distance("kitten", "sitting") == 3);
  CHECK(edit_distance("recpie", "recipe") == 1);
  CHECK(edit_distance("same", "same") == 0);
  const std::vector<std::string> names{"train", "eval", "predict", "lr-find"};
  CHECK(did_you_mean("trian", names) == "; did you mean train?");
  CHECK(did_you_mean("predcit", names) == "; did you mean predict?");
  CHECK(did_you_mean("lrfind", names) == "; did you mean lr-find?");
  CHECK(did_you_mean("something", names).empty());
  CHECK(did_you_mean("", names).empty());
  CHECK(did_you_mean("x", {}).empty());
}
