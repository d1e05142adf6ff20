// Boxes and arrows: a graph without cycles, drawn in layers from the top down.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "learner/plot/canvas.h"

namespace kindling::plot {

// What a box stands for, which decides its colour.
enum class BoxRole { op, parameter, constant, result };

// As large as its lines need.
struct GraphBox {
  std::vector<std::string> lines;  // the first is the heading; long ones are shortened
  BoxRole role = BoxRole::op;      // named in the legend
};

// Its tip is at the box `to`.
struct GraphArrow {
  // Numbers of boxes, from 0.
  // @{
  std::size_t from = 0, to = 0;
  // @}
};

// What graph() draws.
struct GraphData {
  std::vector<GraphBox> boxes;     // at most kMostBoxes, in any order
  std::vector<GraphArrow> arrows;  // several between two boxes are drawn side by side
};

// More than these would be a poster.
inline constexpr std::size_t kMostBoxes = 60;

// As a picture in memory, and as the PNG file `path`. An arrow goes from a box to one further down
// and crosses no other box. std::invalid_argument: more than kMostBoxes boxes, an arrow between
// boxes that are not there, or arrows in a circle; std::runtime_error "[png] cannot write ...".
// @{
Canvas graph(const GraphData& data, const std::string& title = "");
void graph(const std::string& path, const GraphData& data, const std::string& title = "");
// @}

}  // namespace kindling::plot
