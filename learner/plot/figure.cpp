#include "learner/plot/figure.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>

#include "learner/plot/png.h"
#include "learner/plot/style.h"

namespace kindling::plot {
namespace {

constexpr double kFigureMargin = 12;
constexpr double kColumnGap = 18;  // between one plot's labels and the next one's
constexpr double kRowGap = 14;
constexpr double kSuptitleGap = 10;
constexpr double kLeastPageWidth = 200;

// The room that all plots of a column (row) leave before and after themselves.
struct Band {
  double before = 0, after = 0;
};

}  // namespace

Figure::Figure(int rows, int cols, double plot_width, double plot_height)
    : rows_(rows), cols_(cols), plot_width_(plot_width), plot_height_(plot_height) {
  if (rows < 1 || cols < 1 || rows > 1000 || cols > 1000 || !(plot_width >= 1) ||
      !(plot_height >= 1)) {
    throw std::invalid_argument("[plot] a figure of " + std::to_string(rows) + " x " +
                                std::to_string(cols) + " plots, each " +
                                std::to_string(plot_width) + " x " + std::to_string(plot_height));
  }
  axes_.resize(static_cast<std::size_t>(rows) * cols);
}

Axes& Figure::at(int row, int col) {
  if (row < 0 || row >= rows_ || col < 0 || col >= cols_) {
    throw std::out_of_range("[plot] no plot in row " + std::to_string(row) + ", column " +
                            std::to_string(col));
  }
  std::unique_ptr<Axes>& cell = axes_[static_cast<std::size_t>(row) * cols_ + col];
  if (!cell) cell = std::make_unique<Axes>();
  return *cell;
}

Figure& Figure::suptitle(std::string text) { return suptitle_ = std::move(text), *this; }

Canvas Figure::render(double scale) const {
  std::vector<Axes::Layout> layouts(axes_.size());
  std::vector<Band> columns(cols_), lines(rows_);
  for (std::size_t i = 0; i < axes_.size(); ++i) {
    if (!axes_[i]) continue;
    const Axes::Layout& l = layouts[i] = axes_[i]->lay_out(plot_width_, plot_height_);
    Band &column = columns[i % cols_], &line = lines[i / cols_];
    column = {std::max(column.before, l.left), std::max(column.after, l.right)};
    line = {std::max(line.before, l.top), std::max(line.after, l.bottom)};
  }
  // Whole pixels, so that all frames of a page are equally sharp.
  const double head = suptitle_.empty() ? 0 : kSuptitleSize + kSuptitleGap;
  std::vector<double> lefts, tops;
  double x = kFigureMargin, y = kFigureMargin + head;
  for (const Band& c : columns) {
    lefts.push_back(std::ceil(x + c.before));
    x = lefts.back() + plot_width_ + c.after + kColumnGap;
  }
  for (const Band& r : lines) {
    tops.push_back(std::ceil(y + r.before));
    y = tops.back() + plot_height_ + r.after + kRowGap;
  }
  const double width = std::max(std::ceil(x - kColumnGap + kFigureMargin), kLeastPageWidth);
  Canvas canvas(width, std::ceil(y - kRowGap + kFigureMargin), scale);
  for (std::size_t i = 0; i < axes_.size(); ++i) {
    if (!axes_[i]) continue;
    const Band& c = columns[i % cols_];
    const Rect plot{lefts[i % cols_], tops[i / cols_], plot_width_, plot_height_};
    const double title_width = plot_width_ + 2 * std::min(c.before, c.after);
    axes_[i]->draw(canvas, layouts[i], plot, title_width);
  }
  if (!suptitle_.empty()) {
    const std::string text = shortened(suptitle_, kSuptitleSize, width - 2 * kFigureMargin);
    canvas.text({width / 2, kFigureMargin + kSuptitleSize * kAscent}, text, kSuptitleSize, kInk,
                Align::center);
  }
  return canvas;
}

void Figure::save(const std::string& path, double scale) const { write_png(path, render(scale)); }

}  // namespace kindling::plot
