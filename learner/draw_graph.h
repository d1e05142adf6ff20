#pragma once

#include <string>
#include <utility>
#include <vector>

#include "engine/tensor.h"

namespace kindling {

/// Draws the tape behind a tensor: how it was computed, from which parameters, in which shapes.
///
///     const Tensor loss = cross_entropy(model(x), y);
///     draw_graph("graph.png", loss, model.named_parameters());  // before loss.backward()
///
/// A path that ends in .png gets a picture, one that ends in .dot the graph in Graphviz' language,
/// which bears any size. Throws Error for other endings, for a graph of more nodes than a picture
/// holds, and as graph_behind() does; std::runtime_error when the file cannot be written.
void draw_graph(const std::string& path, const Tensor& result,
                const std::vector<std::pair<std::string, Tensor>>& names = {},
                const std::string& title = "");

}  // namespace kindling
