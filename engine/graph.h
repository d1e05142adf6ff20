#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "engine/tensor.h"

namespace kindling {

/// How a tensor was computed, read off the tape: plain data that holds no arrays and no nodes, to
/// be looked at, written down or drawn.
///
///     const Graph graph = graph_behind(loss, model.named_parameters());
///     std::cout << to_dot(graph);                        // dot -Tsvg draws it
struct Graph {
  /// Where a tensor comes from.
  enum class Kind {
    op,        ///< Something was computed here.
    leaf,      ///< A parameter, or an input that asked for a gradient.
    constant,  ///< An input without a gradient, of which the tape knows only that there was one.
  };
  /// One tensor, and how it was made.
  struct Node {
    Kind kind = Kind::op;      ///< Only an op has inputs.
    std::uint64_t number = 0;  ///< When it was made, counted over all nodes; 0 for a constant.
    std::string op;            ///< "conv2d", "leaf", "constant".
    Shape shape;               ///< Of the value; says nothing for a constant.
    std::string name;          ///< The caller's; often empty.
  };
  /// Node `from` is input number `input` of node `to`.
  struct Edge {
    std::size_t from = 0;  ///< Position in nodes.
    std::size_t to = 0;    ///< Likewise.
    int input = 0;         ///< Counted from 0, constants included.
  };
  /// In the order in which they were made, so that every edge points forward. The last one is the
  /// tensor that was asked about. A tensor that is used twice is there once (a constant is not: the
  /// tape cannot tell one from another).
  std::vector<Node> nodes;
  std::vector<Edge> edges;  ///< Ordered by `to`, then by `input`.
};

/// All that `result` was computed from, as far back as gradients would flow. `names` gives names to
/// those tensors that are among it; others in the list are passed over. No recursion: a chain of a
/// million ops is only long. Throws Error for a tensor that requires no gradient, for which nothing
/// is recorded, and for a graph that an earlier backward() released.
Graph graph_behind(const Tensor& result,
                   const std::vector<std::pair<std::string, Tensor>>& names = {});

/// The graph in Graphviz' language, a line a node and a line an edge, from the top down: the colour
/// says what a node is, the text its name, op and shape.
std::string to_dot(const Graph& graph);

}  // namespace kindling
