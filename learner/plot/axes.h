// One plot: data, two axes, and everything written around them.
//
// Setters return the Axes, so that they chain. Data may hold anything: NaN and infinities are
// gaps, any number of points (also none) is fine. Limits that are not finite and vectors of
// unequal length throw std::invalid_argument; nothing else throws.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "learner/plot/axis.h"
#include "learner/plot/canvas.h"
#include "learner/plot/colormap.h"
#include "learner/plot/legend.h"

namespace kindling::plot {

struct LineStyle {
  std::optional<Color> color = {};  // default: the next one of the palette
  double width = 1.4;               // logical pixels
  Dash dash = Dash::solid;
  double alpha = 1;
  double marker = 0;   // radius of a dot on every point; 0: none
  bool joined = true;  // false: dots only
};

// Row-major (rows, cols); row 0 is drawn at the bottom, column 0 at the left.
struct Matrix {
  int rows = 0, cols = 0;
  std::vector<double> values;
};

struct ImageStyle {
  Colormap colormap = Colormap::aurora;
  std::optional<double> lo = {}, hi = {};  // values of the map's ends; default: the data's
  std::optional<Limits> x = {}, y = {};    // data coordinates of the edges; default: cells 0, 1,
                                           // 2, ... centred on these numbers
  bool colorbar = false;
  std::string colorbar_label = {};
};

class Axes {
 public:
  Axes& title(std::string text);
  Axes& x_label(std::string text);
  Axes& y_label(std::string text);
  Axes& x_scale(Scale scale);
  Axes& y_scale(Scale scale);
  Axes& x_limits(double lo, double hi);
  Axes& y_limits(double lo, double hi);
  Axes& x_integers();
  Axes& grid(bool on);
  Axes& legend(LegendPlace place);

  // A line through (xs[i], ys[i]); a label that is not empty enters it in the legend.
  Axes& line(std::vector<double> xs, std::vector<double> ys, std::string label = "",
             LineStyle style = {});
  // Dots of radius style.marker (2.2 if that is 0).
  Axes& scatter(std::vector<double> xs, std::vector<double> ys, std::string label = "",
                LineStyle style = {});
  // Lines across the whole plot, with a word beside them.
  Axes& vertical_line(double x, Label note = {}, LineStyle style = {});
  Axes& horizontal_line(double y, Label note = {}, LineStyle style = {});
  // A dot of `radius` (0: none) at a point and a word where there is room beside it.
  Axes& annotate(double x, double y, Label note, Color color = kInk, double radius = 3.2);
  // One picture a plot; a second one replaces the first. Downsampled by averaging values.
  Axes& image(Matrix matrix, ImageStyle style = {});

  // What Figure needs. `width` x `height`: the plot inside its frame, logical pixels.
  struct Layout {
    double width, height;
    double left, right, top, bottom;  // room that labels take around the plot
    AxisView x, y, colorbar;
    Legend legend;
  };
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
