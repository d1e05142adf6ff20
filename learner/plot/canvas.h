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

struct Point {
  double x = 0, y = 0;
};

inline bool finite(Point p) { return std::isfinite(p.x) && std::isfinite(p.y); }

// To an int that no later sum can overflow.
inline int to_pixel(double v) { return static_cast<int>(std::clamp(v, -1e8, 1e8)); }

struct Rect {
  double x = 0, y = 0, width = 0, height = 0;
  double right() const { return x + width; }
  double bottom() const { return y + height; }
  bool overlaps(const Rect& other) const;
  bool contains(Point p) const;
  Rect grown(double by) const { return {x - by, y - by, width + 2 * by, height + 2 * by}; }
};

enum class Dash { solid, dashed, dotted };

struct Stroke {
  Color color = kInk;
  double width = 1;  // logical pixels
  Dash dash = Dash::solid;
};

// 8-bit RGB, row-major, (height, width, 3), row 0 on top.
struct RgbImage {
  int height = 0, width = 0;
  std::vector<std::uint8_t> rgb;
};

enum class Align { left, center, right };
enum class Direction { horizontal, upward };  // upward: turned 90°, read from the bottom

// A piece of text that was drawn and the box it owns, in logical pixels.
struct TextBox {
  std::string text;
  Rect box;
};

class Canvas {
 public:
  Canvas(double width, double height, double scale = 2, Color background = kWhite);

  double width() const { return width_ / scale_; }  // logical pixels
  double height() const { return height_ / scale_; }
  double scale() const { return scale_; }
  int pixel_width() const { return width_; }  // device pixels
  int pixel_height() const { return height_; }
  Color pixel(int x, int y) const;  // device pixels; must lie inside
  // RGB, row-major: (pixel_height, pixel_width, 3).
  const std::vector<std::uint8_t>& pixels() const { return pixels_; }
  // Every text drawn so far: how a test sees that no two labels overlap.
  const std::vector<TextBox>& text_boxes() const { return text_boxes_; }

  void fill_rect(const Rect& rect, Color color);
  // A frame whose lines lie on whole device pixels, centred on the edges of `rect`.
  void stroke_rect(const Rect& rect, Color color, double width);
  // Horizontal or vertical line snapped to whole device pixels: crisp grids, frames and ticks.
  void crisp_line(Point a, Point b, Color color, double width);
  // Round joins and caps; a point that is not finite breaks the line. Overlapping parts of one
  // polyline do not darken each other. A point without neighbours becomes a dot.
  void polyline(std::span<const Point> points, const Stroke& stroke);
  void disc(Point center, double radius, Color color);
  // Nearest neighbour: every source pixel becomes a rectangle.
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
