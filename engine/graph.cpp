#include "engine/graph.h"

#include <algorithm>
#include <unordered_map>

#include "engine/error.h"
#include "engine/tape.h"

namespace kindling {

namespace {

/// `root` and everything behind it, inputs first: a node is made after its inputs.
std::vector<const Node*> inputs_first(const Node& root) {
  std::vector<const Node*> found{&root};
  std::unordered_map<const Node*, bool> seen{{&root, true}};
  for (std::size_t i = 0; i < found.size(); ++i) {
    const Node& node = *found[i];
    if (node.released)
      throw Error(str("[graph] the graph of '", node.op->name, "' ", node.shape,
                      " was released by an earlier backward(); look at it before, or call that one "
                      "with retain_graph = true"));
    for (const auto& input : node.inputs)
      if (input && !std::exchange(seen[input.get()], true)) found.push_back(input.get());
  }
  std::sort(found.begin(), found.end(),
            [](const Node* a, const Node* b) { return a->number < b->number; });
  return found;
}

/// `text` between the quotes of a dot string, on one line.
std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (c == '\n')
      out += "\\n";
    else
      out += static_cast<unsigned char>(c) < ' ' ? ' ' : c;
  }
  return out;
}

std::string label(const Graph::Node& node) {
  const bool op = node.kind == Graph::Kind::op;
  std::string text = escaped(node.name);
  if (op || node.name.empty()) text += (text.empty() ? "" : "\\n") + escaped(node.op);
  if (node.kind != Graph::Kind::constant) text += "\\n" + node.shape.to_string();
  return text;
}

/// The colours of learner/plot/graph.cpp, so that both pictures are read in the same way.
const char* color(const Graph::Node& node, bool result) {
  if (node.kind == Graph::Kind::leaf) return "#cfe2f7";
  if (node.kind == Graph::Kind::constant) return "#ececf0";
  return result ? "#d3ecd0" : "#ffffff";
}

}  // namespace

Graph graph_behind(const Tensor& result, const std::vector<std::pair<std::string, Tensor>>& names) {
  if (!result.requires_grad())
    throw Error(str("[graph] ", result.shape(),
                    ": nothing here requires a gradient, so nothing was recorded"));
  std::unordered_map<const Node*, const std::string*> named;
  for (const auto& [name, tensor] : names)
    if (tensor.defined() && tensor.requires_grad()) named.emplace(tensor.node().get(), &name);

  Graph graph;
  std::unordered_map<const Node*, std::size_t> place;
  for (const Node* node : inputs_first(*result.node())) {
    const std::size_t first_edge = graph.edges.size();
    for (const auto& input : node->inputs) {
      const int number = static_cast<int>(graph.edges.size() - first_edge);
      if (!input) graph.nodes.push_back({Graph::Kind::constant, 0, "constant", {}, {}});
      graph.edges.push_back({input ? place.at(input.get()) : graph.nodes.size() - 1, 0, number});
    }
    const std::size_t here = graph.nodes.size();
    for (std::size_t i = first_edge; i < graph.edges.size(); ++i) graph.edges[i].to = here;
    const auto name = named.find(node);
    graph.nodes.push_back({node->op ? Graph::Kind::op : Graph::Kind::leaf, node->number,
                           node->op ? node->op->name : "leaf", node->shape,
                           name == named.end() ? "" : *name->second});
    place.emplace(node, here);
  }
  return graph;
}

std::string to_dot(const Graph& graph) {
  std::string dot =
      "digraph kindling {\n"
      "  node [shape=box, style=\"rounded,filled\", color=\"#6e6e76\", fontname=\"DejaVu "
      "Sans\"];\n";
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const Graph::Node& node = graph.nodes[i];
    dot += str("  n", i, " [label=\"", label(node), "\", fillcolor=\"",
               color(node, i + 1 == graph.nodes.size()), "\"];\n");
  }
  for (const Graph::Edge& edge : graph.edges) dot += str("  n", edge.from, " -> n", edge.to, ";\n");
  return dot + "}\n";
}

}  // namespace kindling
