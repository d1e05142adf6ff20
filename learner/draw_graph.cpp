#include "learner/draw_graph.h"

#include "engine/error.h"
#include "engine/graph.h"
#include "learner/files/atomic_file.h"
#include "learner/plot/graph.h"

namespace kindling {

namespace {

plot::GraphBox box_of(const Graph::Node& node, bool result) {
  plot::GraphBox box;
  if (!node.name.empty()) box.lines.push_back(node.name);
  if (node.name.empty() || node.kind == Graph::Kind::op) box.lines.push_back(node.op);
  if (node.kind != Graph::Kind::constant) box.lines.push_back(node.shape.to_string());
  switch (node.kind) {
    case Graph::Kind::leaf:
      box.role = plot::BoxRole::parameter;
      break;
    case Graph::Kind::constant:
      box.role = plot::BoxRole::constant;
      break;
    case Graph::Kind::op:
      box.role = result ? plot::BoxRole::result : plot::BoxRole::op;
  }
  return box;
}

}  // namespace

void draw_graph(const std::string& path, const Tensor& result,
                const std::vector<std::pair<std::string, Tensor>>& names,
                const std::string& title) {
  const bool picture = path.ends_with(".png");
  check<Error>(picture || path.ends_with(".dot"), "draw_graph", "'", path,
               "': a name that ends in .png or .dot expected");
  const Graph graph = graph_behind(result, names);
  if (!picture) return write_file_atomically(path, to_dot(graph), "draw_graph");
  check<Error>(graph.nodes.size() <= plot::kMostBoxes, "draw_graph", "'", path, "': a graph of ",
               graph.nodes.size(), " nodes, a picture holds ", plot::kMostBoxes,
               "; a name that ends in .dot takes any");
  plot::GraphData data;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i)
    data.boxes.push_back(box_of(graph.nodes[i], i + 1 == graph.nodes.size()));
  for (const Graph::Edge& edge : graph.edges) data.arrows.push_back({edge.from, edge.to});
  plot::graph(path, data, title);
}

}  // namespace kindling
