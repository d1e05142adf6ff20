// A sheet of pixels and a pen. Coordinates are logical pixels, x to the right and y down, from
// the top left corner; the canvas stores `scale` x `scale` device pixels for each of them (2 by
// default, so that pictures stay sharp on dense screens).
//
// Everything is anti-aliased by coverage and blended in sRGB. Coordinates may be anything: what
// lies outside is clipped, what is NaN or infinite is left out. Nothing here throws except the
// constructor (std::invalid_argument for an empty or absurdly large canvas) and a lack of memory.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "learner/plot/color.h"
#include "learner/plot/font.h"

namespace kindling::plot {

// A place, in logical pixels.
struct Point {
  double x = 0;  // to the right
  double y = 0;  // downwards
};

// Neither coordinate is NaN or infinite.
inline bool finite(Point p) { return std::isfinite(p.x) && std::isfinite(p.y); }

// To an int that no later sum can overflow; NaN is 0.
inline int to_pixel(double v) {
  return std::isnan(v) ? 0 : static_cast<int>(std::clamp(v, -1e8, 1e8));
}

// An upright rectangle, in logical pixels.
struct Rect {
  // The upper left corner, and how far it goes from there.
  // @{
  double x = 0, y = 0, width = 0, height = 0;
  // @}
  // The edges opposite to x and y.
  // @{
  double right() const { return x + width; }
  double bottom() const { return y + height; }
  // @}
  bool overlaps(const Rect& other) const;  // false where only edges touch
  bool contains(Point p) const;            // the edges belong to it
  // Every edge is moved outwards by so much, or inwards if that is negative.
  Rect grown(double by) const { return {x - by, y - by, width + 2 * by, height + 2 * by}; }
};

// The lengths of dashes and gaps go with the line's width.
enum class Dash { solid, dashed, dotted };

// How a line is drawn.
struct Stroke {
  Color color = kInk;       // fainter where the line is thinner than a device pixel
  double width = 1;         // logical pixels
  Dash dash = Dash::solid;  // the pattern goes on round corners
};

// 8-bit RGB, row-major, (height, width, 3), row 0 on top.
struct RgbImage {
  // `rgb` holds height * width * 3 bytes.
  // @{
  int height = 0, width = 0;
  std::vector<std::uint8_t> rgb;
  // @}
};

// Which part of a text is at the place where it is put.
enum class Align { left, center, right };
// How a text runs. upward: turned 90°, read from the bottom.
enum class Direction { horizontal, upward };

// A piece of text that was drawn and the box it owns, in logical pixels.
struct TextBox {
  std::string text;  // superscripts as ^{...}
  Rect box;          // of the whole text, also where it is clipped
};

// The sheet. What is drawn later lies over what was drawn before.
class Canvas {
 public:
  // `width` x `height` logical pixels, rounded up to whole device pixels; the background is opaque.
  // Throws std::invalid_argument for a canvas without area, with a side of more than 2^15 device
  // pixels or with more than 2^28 of them in all.
  Canvas(double width, double height, double scale = 2, Color background = kWhite);

  // In logical pixels.
  // @{
  double width() const { return width_ / scale_; }
  double height() const { return height_ / scale_; }
  // @}
  // How many device pixels a logical one is wide and high.
  double scale() const { return scale_; }
  // In device pixels.
  // @{
  int pixel_width() const { return width_; }
  int pixel_height() const { return height_; }
  // @}
  Color pixel(int x, int y) const;  // device pixels; must lie inside
  // RGB, row-major: (pixel_height, pixel_width, 3).
  const std::vector<std::uint8_t>& pixels() const { return pixels_; }
  // Every text drawn so far: how a test sees that no two labels overlap.
  const std::vector<TextBox>& text_boxes() const { return text_boxes_; }

  // A device pixel that an edge cuts is coloured in part.
  void fill_rect(const Rect& rect, Color color);
  // A frame whose lines lie on whole device pixels, centred on the edges of `rect`.
  void stroke_rect(const Rect& rect, Color color, double width);
  // Horizontal or vertical line snapped to whole device pixels: crisp grids, frames and ticks.
  void crisp_line(Point a, Point b, Color color, double width);
  // Round joins and caps; a point that is not finite breaks the line. Overlapping parts of one
  // polyline do not darken each other. A point without neighbours becomes a dot.
  void polyline(std::span<const Point> points, const Stroke& stroke);
  // Filled; none if the radius is not positive.
  void disc(Point center, double radius, Color color);
  // Nearest neighbour: every source pixel becomes a rectangle. Throws std::invalid_argument for
  // another number of bytes than the image must have.
  void image(const Rect& where, const RgbImage& image);

  // `at` is on the base line, at the text's left end, middle or right end.
  void text(Point at, const Label& label, double size, Color color, Align align = Align::left,
            Direction direction = Direction::horizontal);
  // The box that text() would record.
  static Rect text_box(Point at, const Label& label, double size, Align align = Align::left,
                       Direction direction = Direction::horizontal);

  // While it lives, drawing stays inside `rect` (and inside any enclosing clip).
  class Clip {
   public:
    // Edges are rounded to device pixels. The canvas must outlive the clip, and clips must end in
    // the reverse of the order in which they began.
    Clip(Canvas& canvas, const Rect& rect);
    ~Clip();
    Clip(const Clip&) = delete;
    Clip& operator=(const Clip&) = delete;

   private:
    Canvas& canvas_;
    int saved_[4];
  };

 private:
  struct Segment {
    Point a, b;
  };
  void blend(int x, int y, Color color, double coverage);
  void stamp_segments(std::span<const Segment> segments, double width, Color color);

  double scale_;
  int width_, height_;  // device pixels
  int clip_[4];         // x0, y0, x1, y1 in device pixels, half open
  std::vector<std::uint8_t> pixels_;
  std::vector<TextBox> text_boxes_;
};

}  // namespace kindling::plot
