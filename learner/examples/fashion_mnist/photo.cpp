#include "learner/examples/fashion_mnist/photo.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "data/image_file.h"
#include "engine/error.h"

namespace kindling {

namespace {

constexpr int kSide = 28;
/// How far a pixel must be from the background, of 255, to belong to the piece.
constexpr int kFar = 20;

struct Gray {
  int width, height;
  const std::uint8_t* pixels;
  std::uint8_t at(int x, int y) const { return pixels[std::ptrdiff_t{y} * width + x]; }
};

struct Box {
  int left, top, right, bottom;  ///< right and bottom are behind the last pixel.
};

/// The median of the pixels along the four edges.
int background_of(const Gray& image) {
  std::vector<std::uint8_t> edge;
  for (int x = 0; x < image.width; ++x)
    edge.push_back(image.at(x, 0)), edge.push_back(image.at(x, image.height - 1));
  for (int y = 0; y < image.height; ++y)
    edge.push_back(image.at(0, y)), edge.push_back(image.at(image.width - 1, y));
  const auto middle = edge.begin() + std::ssize(edge) / 2;
  std::nth_element(edge.begin(), middle, edge.end());
  return *middle;
}

/// The smallest box that holds every pixel which is far from the background.
Box content_of(const Gray& image, int background) {
  Box box{image.width, image.height, 0, 0};
  for (int y = 0; y < image.height; ++y)
    for (int x = 0; x < image.width; ++x)
      if (std::abs(image.at(x, y) - background) >= kFar) {
        box.left = std::min(box.left, x), box.right = std::max(box.right, x + 1);
        box.top = std::min(box.top, y), box.bottom = std::max(box.bottom, y + 1);
      }
  return box;
}

/// The mean over [left, right) x [top, bottom), whose edges lie between pixels: parts of a pixel
/// count for their area.
double mean_over(const Gray& image, double left, double right, double top, double bottom) {
  double sum = 0, area = 0;
  for (int y = static_cast<int>(top); y < std::min<double>(std::ceil(bottom), image.height); ++y) {
    const double high = std::min(bottom, y + 1.0) - std::max<double>(top, y);
    for (int x = static_cast<int>(left); x < std::min<double>(std::ceil(right), image.width); ++x) {
      const double part = high * (std::min(right, x + 1.0) - std::max<double>(left, x));
      sum += part * image.at(x, y), area += part;
    }
  }
  return area > 0 ? sum / area : 0;
}

}  // namespace

ByteArray read_photo(const std::filesystem::path& path) {
  const ByteArray photo = read_image(path, 1);
  const Gray image{static_cast<int>(photo.dim(1)), static_cast<int>(photo.dim(0)), photo.data()};
  const int background = background_of(image);
  const Box box = content_of(image, background);
  check<Error>(box.right > box.left, "photo", path, ": nothing but background");
  const int width = box.right - box.left, height = box.bottom - box.top;
  const double scale = static_cast<double>(kSide) / std::max(width, height);
  const int columns = std::clamp(static_cast<int>(std::lround(width * scale)), 1, kSide);
  const int rows = std::clamp(static_cast<int>(std::lround(height * scale)), 1, kSide);
  const double wide = static_cast<double>(width) / columns;  // what becomes one pixel
  const double high = static_cast<double>(height) / rows;
  const bool negate = background > 127;
  ByteArray result(Shape{kSide, kSide}, std::uint8_t{0});
  std::uint8_t* pixels = result.data();
  const int first_row = (kSide - rows) / 2, first_column = (kSide - columns) / 2;
  for (int y = 0; y < rows; ++y)
    for (int x = 0; x < columns; ++x) {
      const double value = mean_over(image, box.left + x * wide, box.left + (x + 1) * wide,
                                     box.top + y * high, box.top + (y + 1) * high);
      // The background itself becomes black, whatever its shade.
      const double light = negate ? (background - value) * 255.0 / background
                                  : (value - background) * 255.0 / (255 - background);
      pixels[(first_row + y) * kSide + first_column + x] =
          static_cast<std::uint8_t>(std::clamp(std::lround(light), 0L, 255L));
    }
  return result;
}

}  // namespace kindling
