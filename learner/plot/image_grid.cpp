// The picture of pictures that charts.h promises.
#include <algorithm>
#include <cmath>
#include <sstream>
#include <stdexcept>

#include "learner/plot/charts.h"
#include "learner/plot/png.h"
#include "learner/plot/style.h"

namespace kindling::plot {
namespace {

constexpr double kGap = 12;        // between cells
constexpr double kCaptionGap = 4;  // between an image and its caption
constexpr double kLineHeight = 12.5;
constexpr double kTitleRoom = 24;
constexpr double kPageRatio = 1.35;  // width over height that the default columns aim at

void check(const std::vector<Image>& images, const std::vector<Caption>& captions) {
  for (const Image& image : images) {
    const auto size = static_cast<std::size_t>(std::max(image.height, 0)) *
                      static_cast<std::size_t>(std::max(image.width, 0)) * image.channels;
    if ((image.channels != 1 && image.channels != 3) || image.pixels.size() != size || size == 0) {
      throw std::invalid_argument("[plot] an image of " + std::to_string(image.height) + " x " +
                                  std::to_string(image.width) + " x " +
                                  std::to_string(image.channels) + " with " +
                                  std::to_string(image.pixels.size()) + " values");
    }
  }
  if (!captions.empty() && captions.size() != images.size()) {
    throw std::invalid_argument("[plot] " + std::to_string(images.size()) + " images but " +
                                std::to_string(captions.size()) + " captions");
  }
}

RgbImage to_rgb(const Image& image) {
  if (image.channels == 3) return {image.height, image.width, image.pixels};
  RgbImage out{image.height, image.width, {}};
  out.rgb.reserve(image.pixels.size() * 3);
  for (const std::uint8_t v : image.pixels) out.rgb.insert(out.rgb.end(), {v, v, v});
  return out;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

// All cells have one size; this is it, and how they stand.
struct Grid {
  double cell_width, image_height, caption_height;
  int cols, rows;
  double row_height() const { return image_height + caption_height + kGap; }
};

// Near the page's ratio, but rather with a full last row. `shape`: height over width of a cell.
int good_columns(int count, double shape) {
  const double ideal = std::max(std::sqrt(count * kPageRatio * shape), 1.0);
  int best = 1;
  double least = 1e9;
  for (int cols = 1; cols <= count && cols < 3 * ideal; ++cols) {
    const int empty = (cols - count % cols) % cols;
    const double cost = std::abs(std::log(cols / ideal)) + 0.5 * empty / cols;
    if (cost < least) least = cost, best = cols;
  }
  return best;
}

Grid make_grid(const std::vector<Image>& images, const std::vector<Caption>& captions,
               const ImageGridOptions& options) {
  Grid grid{std::max(options.cell_width, 8.0), 0, 0, 1, 1};
  for (const Image& image : images) {
    grid.image_height = std::max(grid.image_height, grid.cell_width * image.height / image.width);
  }
  std::size_t most_lines = 0;
  for (const Caption& c : captions) most_lines = std::max(most_lines, lines_of(c.text).size());
  if (most_lines > 0) {
    grid.caption_height = kCaptionGap + kLineHeight * static_cast<double>(most_lines);
  }
  const int count = static_cast<int>(images.size());
  const double shape = grid.row_height() / (grid.cell_width + kGap);
  grid.cols = options.columns > 0 ? options.columns : good_columns(count, shape);
  grid.cols = std::clamp(grid.cols, 1, std::max(count, 1));
  grid.rows = (count + grid.cols - 1) / grid.cols;
  return grid;
}

void draw_cell(Canvas& canvas, const Grid& grid, Point corner, const Image& image,
               const Caption* caption) {
  const double height = grid.cell_width * image.height / image.width;
  const Rect where{corner.x, corner.y + (grid.image_height - height) / 2, grid.cell_width, height};
  canvas.image(where, to_rgb(image));
  if (!caption) return;
  double base = corner.y + grid.image_height + kCaptionGap + kTickSize;
  for (const std::string& line : lines_of(caption->text)) {
    // A little wider than the image is still clear of the neighbours.
    canvas.text({corner.x + grid.cell_width / 2, base},
                shortened(line, kTickSize, grid.cell_width + kGap * 0.6), kTickSize, caption->color,
                Align::center);
    base += kLineHeight;
  }
}

}  // namespace

Image image_from_floats(int height, int width, int channels, const std::vector<float>& values,
                        std::optional<float> lo, std::optional<float> hi) {
  float low = 0, high = 0;
  bool seen = false;
  for (const float v : values) {
    if (!std::isfinite(v)) continue;
    low = seen ? std::min(low, v) : v, high = seen ? std::max(high, v) : v;
    seen = true;
  }
  const double from = lo.value_or(low), span = static_cast<double>(hi.value_or(high)) - from;
  Image image{height, width, channels, {}};
  image.pixels.reserve(values.size());
  for (const float v : values) {
    const double t = std::isnan(v) || !(span > 0) ? 0 : std::clamp((v - from) / span, 0.0, 1.0);
    image.pixels.push_back(static_cast<std::uint8_t>(std::lround(255 * t)));
  }
  return image;
}

Canvas image_grid(const std::vector<Image>& images, const std::vector<Caption>& captions,
                  const ImageGridOptions& options) {
  check(images, captions);
  const Grid grid = make_grid(images, captions, options);
  const double head = options.title.empty() ? 0 : kTitleRoom;
  const double content = grid.cols * (grid.cell_width + kGap) - kGap;
  const double title_width = text_width(options.title, kSuptitleSize);
  // A title may widen a small page, but only so far.
  const double width = std::ceil(2 * kPageMargin + std::max(content, std::min(title_width, 420.0)));
  const double height =
      2 * kPageMargin + head + std::max(grid.rows * grid.row_height() - kGap, 1.0);
  Canvas canvas(width, std::ceil(height));
  const double left = std::round((width - content) / 2);
  for (std::size_t i = 0; i < images.size(); ++i) {
    const auto row = static_cast<int>(i) / grid.cols, col = static_cast<int>(i) % grid.cols;
    const Point corner{left + col * (grid.cell_width + kGap),
                       std::round(kPageMargin + head + row * grid.row_height())};
    draw_cell(canvas, grid, corner, images[i], captions.empty() ? nullptr : &captions[i]);
  }
  if (head > 0) {
    const std::string text = shortened(options.title, kSuptitleSize, width - 2 * kPageMargin);
    canvas.text({width / 2, kPageMargin + kSuptitleSize * kAscent}, text, kSuptitleSize, kInk,
                Align::center);
  }
  return canvas;
}

void image_grid(const std::string& path, const std::vector<Image>& images,
                const std::vector<Caption>& captions, const ImageGridOptions& options) {
  write_png(path, image_grid(images, captions, options));
}

}  // namespace kindling::plot
