// A page of plots: `rows` x `cols` Axes under a common title, saved as one PNG.
//
// The caller fixes the size of the plots inside their frames; the page grows by whatever room
// the labels around them need. So nothing ever overlaps, however long the texts are.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "learner/plot/axes.h"

namespace kindling::plot {

// Owns its plots; it can be moved but not copied.
class Figure {
 public:
  // Sizes in logical pixels. Throws std::invalid_argument for a grid without plots or with more
  // than 1000 rows or columns, and for plots whose sides are below 1.
  Figure(int rows, int cols, double plot_width, double plot_height);

  // Row by row from the top left; created when first asked for, so that cells may stay empty.
  // The reference lives as long as the figure. Throws std::out_of_range.
  // @{
  Axes& at(int row, int col);
  Axes& at(int index) { return at(index / cols_, index % cols_); }
  // @}

  // Above all plots, shortened if it is wider than the page; empty: none.
  Figure& suptitle(std::string text);

  // `scale` device pixels a logical one. Throws std::invalid_argument if the page gets too large.
  Canvas render(double scale = 2) const;
  // Throws std::runtime_error "[png] cannot write 'PATH': REASON", and what render() throws.
  void save(const std::string& path, double scale = 2) const;

 private:
  int rows_, cols_;
  double plot_width_, plot_height_;
  std::string suptitle_;
  std::vector<std::unique_ptr<Axes>> axes_;
};

}  // namespace kindling::plot
