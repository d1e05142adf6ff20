// Where the boxes and arrows of a graph go. After Sugiyama, Tagawa and Toda, "Methods for Visual
// Understanding of Hierarchical System Structures" (1981): every box gets a layer, the boxes of a
// layer an order in which few arrows cross, and then each a place near those it is connected with.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "learner/plot/canvas.h"

namespace kindling::plot {

// Of a box, in logical pixels.
struct Size {
  // Of all of it, with the margin around its text.
  // @{
  double width = 0, height = 0;
  // @}
};

using Links = std::vector<std::pair<std::size_t, std::size_t>>;  // from a box, to a box

// Places in logical pixels, for boxes and links in the order in which they were given.
struct GraphLayout {
  std::vector<Rect> boxes;                 // of the sizes that were asked for
  std::vector<std::vector<Point>> arrows;  // each from the bottom of a box to the top of another
  // All lies in [0, width] x [0, height].
  // @{
  double width = 0, height = 0;
  // @}
};

// The layer of each box: longer than every way that leads to it, from 0; one that nothing leads to
// stands right above the first that it leads to. std::invalid_argument where links go in a circle
// or to boxes that are not there.
std::vector<int> layers_of(std::size_t boxes, const Links& links);

// Boxes of these sizes; neither do they overlap nor does an arrow touch a box that is not its own.
// Throws like layers_of().
GraphLayout lay_out_graph(const std::vector<Size>& sizes, const Links& links);

}  // namespace kindling::plot
