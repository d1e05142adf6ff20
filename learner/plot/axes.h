// One plot: data, two axes, and everything written around them.
//
// Setters return the Axes, so that they chain. Data may hold anything: NaN and infinities are
// gaps, any number of points (also none) is fine. Limits that are not finite, vectors of unequal
// length, a matrix of the wrong size and edges of an image that descend throw
// std::invalid_argument; nothing else throws.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "learner/plot/axis.h"
#include "learner/plot/canvas.h"
#include "learner/plot/colormap.h"
#include "learner/plot/legend.h"

namespace kindling::plot {

// How a line looks, through points or across the plot; the latter has no dots.
struct LineStyle {
  std::optional<Color> color = {};  // default: the next one of the palette
  double width = 1.4;               // logical pixels
  Dash dash = Dash::solid;          // solid becomes dashed in every other round of the palette
  double alpha = 1;                 // times the colour's own
  double marker = 0;                // radius of a dot on every point; 0: none
  bool joined = true;               // false: dots only
};

// Row-major (rows, cols); row 0 is drawn at the bottom, column 0 at the left.
struct Matrix {
  // `values` holds rows * cols numbers. NaN is drawn light gray, an infinity as an end of the map.
  // @{
  int rows = 0, cols = 0;
  std::vector<double> values;
  // @}
};

// How a Matrix is drawn.
struct ImageStyle {
  Colormap colormap = Colormap::aurora;  // for the image and its colour bar
  // Values of the map's ends; default: the data's. Where hi is not above lo, it becomes lo + 1.
  // @{
  std::optional<double> lo = {}, hi = {};
  // @}
  // Data coordinates of the edges, finite, lo not above hi; default: cells 0, 1, 2, ... centred on
  // these numbers.
  // @{
  std::optional<Limits> x = {}, y = {};
  // @}
  bool colorbar = false;            // to the right of the plot
  std::string colorbar_label = {};  // beside it, read upwards
};

// What a plot shows, put together bit by bit; a Figure measures and draws it.
class Axes {
 public:
  // Words around the plot; empty: none. Those that are too long are shortened.
  // @{
  Axes& title(std::string text);
  Axes& x_label(std::string text);
  Axes& y_label(std::string text);
  // @}
  // Linear unless set.
  // @{
  Axes& x_scale(Scale scale);
  Axes& y_scale(Scale scale);
  // @}
  // Instead of those of the data, in either order. A log axis takes no notice of limits that reach
  // down to 0. Throws std::invalid_argument unless both are finite.
  // @{
  Axes& x_limits(double lo, double hi);
  Axes& y_limits(double lo, double hi);
  // @}
  // Ticks at whole numbers only, unless the axis is logarithmic.
  Axes& x_integers();
  // Lines behind the data at the labelled ticks. On unless turned off; an image has none.
  Axes& grid(bool on);
  // Where the lines with labels are named; LegendPlace::automatic unless set.
  Axes& legend(LegendPlace place);

  // A line through (xs[i], ys[i]); a label that is not empty enters it in the legend.
  Axes& line(std::vector<double> xs, std::vector<double> ys, std::string label = "",
             LineStyle style = {});
  // Dots of radius style.marker (2.2 if that is 0).
  Axes& scatter(std::vector<double> xs, std::vector<double> ys, std::string label = "",
                LineStyle style = {});
  // Lines across the whole plot, with a word beside them. Gray (kMuted) unless the style has a
  // colour.
  // @{
  Axes& vertical_line(double x, Label note = {}, LineStyle style = {});
  Axes& horizontal_line(double y, Label note = {}, LineStyle style = {});
  // @}
  // A dot of `radius` (0: none) at a point and a word where there is room beside it.
  Axes& annotate(double x, double y, Label note, Color color = kInk, double radius = 3.2);
  // One picture a plot; a second one replaces the first. Downsampled by averaging values. The axes
  // end at its edges unless they have limits. Throws std::invalid_argument if the matrix holds more
  // or fewer values than cells.
  Axes& image(Matrix matrix, ImageStyle style = {});

  // What Figure needs, in logical pixels.
  struct Layout {
    // The plot inside its frame.
    // @{
    double width, height;
    // @}
    // Room that labels, colour bar and legend take around the plot.
    // @{
    double left, right, top, bottom;
    // @}
    // What the axes show; `colorbar` only where there is one.
    // @{
    AxisView x, y, colorbar;
    // @}
    Legend legend;  // empty where nothing is named
  };
  // Measures what is around a plot of `width` x `height` inside its frame; draws nothing.
  Layout lay_out(double width, double height) const;
  // `plot` is the framed rectangle, of the layout's size; `title_width` what a title may take.
  void draw(Canvas& canvas, const Layout& layout, const Rect& plot, double title_width) const;

 private:
  struct Series {
    std::vector<double> xs, ys;
    std::string label;
    LineStyle style;
  };
  struct Guide {
    bool vertical;
    double at;
    Label note;
    LineStyle style;
  };
  struct Note {
    double x, y;
    Label text;
    Color color;
    double radius;
  };

  LineStyle with_color(LineStyle style);
  bool has_data() const;  // anything that can be drawn, be it one point
  Limits image_range() const;
  std::vector<LegendEntry> legend_entries() const;
  std::vector<Point> clutter(const Layout& layout) const;

  void draw_grid(Canvas& canvas, const Layout& layout, const Rect& plot) const;
  void draw_image(Canvas& canvas, const Layout& layout, const Rect& plot) const;
  void draw_colorbar(Canvas& canvas, const Layout& layout, const Rect& plot) const;
  void draw_series(Canvas& canvas, const Layout& layout, const Rect& plot) const;
  void draw_frame(Canvas& canvas, const Layout& layout, const Rect& plot) const;
  void draw_notes(Canvas& canvas, const Layout& layout, const Rect& plot) const;
  void draw_labels(Canvas& canvas, const Layout& layout, const Rect& plot,
                   double title_width) const;

  std::string title_;
  AxisSpec x_, y_;
  bool grid_ = true;
  LegendPlace legend_place_ = LegendPlace::automatic;
  std::size_t colors_used_ = 0;
  std::vector<Series> series_;
  std::vector<Guide> guides_;
  std::vector<Note> notes_;
  std::optional<Matrix> image_;
  ImageStyle image_style_;
};

}  // namespace kindling::plot
