#include "learner/examples/fashion_mnist/photo.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "data/image_file.h"
#include "engine/error.h"

namespace kindling {

namespace {

constexpr int kSide = 28;
/// How far a pixel must be from the background, of 255, to belong to the piece: that much, and up
/// to so much more where light or a shadow falls upon the background.
constexpr int kFar = 20, kFarthest = 64;
/// A row or column belongs to the piece when more than this share of it does, and more than one
/// pixel: a speck of dust does not.
constexpr double kSpeck = 0.005;

struct Gray {
  int width, height;
  const std::uint8_t* pixels;
  std::uint8_t at(int x, int y) const { return pixels[std::ptrdiff_t{y} * width + x]; }
};

struct Box {
  int left, top, right, bottom;  ///< right and bottom are behind the last pixel.
};

std::vector<int> edge_of(const Gray& image) {
  std::vector<int> edge;
  for (int x = 0; x < image.width; ++x)
    edge.push_back(image.at(x, 0)), edge.push_back(image.at(x, image.height - 1));
  for (int y = 0; y < image.height; ++y)
    edge.push_back(image.at(0, y)), edge.push_back(image.at(image.width - 1, y));
  return edge;
}

/// What this share of the values is not above.
int quantile(std::vector<int> values, double share) {
  const auto place = values.begin() + static_cast<std::ptrdiff_t>(share * std::ssize(values));
  std::nth_element(values.begin(), place, values.end());
  return *place;
}

/// What the pixels of the four edges are mostly like, and how far others may be from that: half as
/// far again as three quarters of the edges are, so that a piece may touch the last one. What is
/// farther than a shadow is the piece, which touches more of them.
struct Background {
  int shade, far;
  explicit Background(const Gray& image) {
    std::vector<int> edge = edge_of(image);
    shade = quantile(edge, 0.5);
    for (int& value : edge) value = std::abs(value - shade);
    const int spread = quantile(std::move(edge), 0.75) * 3 / 2;
    far = spread > kFarthest ? kFar : std::max(spread, kFar);
  }
};

/// From the first to the last line that is more than a speck; {0, 0} where none is.
std::pair<int, int> extent_of(const std::vector<int>& far_pixels, int length) {
  const auto seen = [&](int n) { return n > std::max(1.0, kSpeck * length); };
  const auto first = std::find_if(far_pixels.begin(), far_pixels.end(), seen);
  const auto last = std::find_if(far_pixels.rbegin(), far_pixels.rend(), seen);
  if (first == far_pixels.end()) return {0, 0};
  return {static_cast<int>(first - far_pixels.begin()), static_cast<int>(far_pixels.rend() - last)};
}

/// The smallest box that holds what is far from the background.
Box content_of(const Gray& image, const Background& background) {
  std::vector<int> in_row(static_cast<std::size_t>(image.height), 0),
      in_column(static_cast<std::size_t>(image.width), 0);
  for (int y = 0; y < image.height; ++y)
    for (int x = 0; x < image.width; ++x)
      if (std::abs(image.at(x, y) - background.shade) >= background.far)
        ++in_row[static_cast<std::size_t>(y)], ++in_column[static_cast<std::size_t>(x)];
  const auto [left, right] = extent_of(in_column, image.height);
  const auto [top, bottom] = extent_of(in_row, image.width);
  return {left, top, right, bottom};
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
  Background edges(image);
  const int background = edges.shade;
  Box box = content_of(image, edges);
  if (box.right == box.left || box.bottom == box.top) {
    edges.far = kFar;  // what was taken for a shadow is a pale piece
    box = content_of(image, edges);
  }
  check<Error>(box.right > box.left && box.bottom > box.top, "photo", path,
               ": nothing but background");
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
