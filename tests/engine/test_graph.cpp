#include "engine/graph.h"

#include <doctest/doctest.h>

#include <cctype>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "engine/engine.h"
#include "tests/support/errors.h"
#include "tests/support/plain.h"

// What the tape says of how a tensor was computed, against graphs drawn by hand.

namespace kindling::test {

namespace {

/// A naive reader of dot: the labels of nodes, with escapes resolved, and the edges.
struct Dot {
  std::map<std::string, std::string> labels;
  std::multiset<std::pair<std::string, std::string>> edges;  // by label
  std::string trouble;
};

/// What stands in quotes behind `key=`; a line end for \n.
std::string quoted(const std::string& line, const std::string& key) {
  std::string text;
  std::size_t at = line.find(key + "=\"");
  if (at == std::string::npos) return "<no " + key + ">";
  for (at += key.size() + 2; at < line.size() && line[at] != '"'; ++at) {
    if (line[at] != '\\')
      text += line[at];
    else
      text += line[++at] == 'n' ? '\n' : line[at];
  }
  return at < line.size() ? text : "<unfinished>";
}

Dot read_dot(const std::string& text) {
  Dot dot;
  std::vector<std::string> lines;
  for (std::size_t from = 0, to; (to = text.find('\n', from)) != std::string::npos; from = to + 1)
    lines.push_back(text.substr(from, to - from));
  if (lines.size() < 2 || lines.front() != "digraph kindling {" || lines.back() != "}")
    dot.trouble = "no digraph";
  for (std::size_t i = 1; i + 1 < lines.size(); ++i) {
    std::string line = lines[i];
    line.erase(0, line.find_first_not_of(' '));
    if (begins(line, "node [")) continue;
    const std::string first = line.substr(0, line.find(' '));
    if (line.back() != ';') dot.trouble = "no semicolon: " + line;
    if (contains(line, " [label=")) {
      dot.labels[first] = quoted(line, "label");
    } else if (contains(line, " -> ")) {
      std::string second = line.substr(line.find("-> ") + 3);
      second.pop_back();
      if (!dot.labels.contains(first) || !dot.labels.contains(second))
        dot.trouble = "an edge between unknown nodes: " + line;
      dot.edges.emplace(dot.labels[first], dot.labels[second]);
    } else {
      dot.trouble = "what is this: " + line;
    }
  }
  return dot;
}

Tensor ones(const Shape& shape, bool requires_grad = true) {
  return Tensor(Array(shape, Scalar{1}), requires_grad);
}

}  // namespace

TEST_CASE("graph: nodes and edges of a network, as drawn by hand") {
  const Tensor x = ones({4, 3}, false), w = ones({3, 2}), b = ones({2}), t = ones({4, 2}, false);
  const Tensor y = relu(matmul(x, w) + b);
  const Tensor loss = mse_loss(y, t);
  const Graph graph =
      graph_behind(loss, {{"w", w}, {"fc.bias", b}, {"x", x}, {"stranger", ones({7})}});

  const Dot dot = read_dot(to_dot(graph));
  CHECK(dot.trouble == "");
  const std::string product = "matmul\n(4,2)", sum = "add\n(4,2)", active = "relu\n(4,2)";
  const std::multiset<std::pair<std::string, std::string>> expected{
      {"constant", product},       {"w\n(3,2)", product}, {product, sum},
      {"fc.bias\n(2)", sum},       {sum, active},         {active, "mse_loss\n()"},
      {"constant", "mse_loss\n()"}};
  CHECK(dot.edges == expected);
  CHECK(dot.labels.size() == 8);

  REQUIRE(graph.nodes.size() == 8);
  CHECK(graph.nodes.back().op == "mse_loss");
  CHECK(graph.nodes.back().shape == Shape{});
  for (const Graph::Edge& edge : graph.edges) CHECK(edge.from < edge.to);
  int leaves = 0, constants = 0;
  for (const Graph::Node& node : graph.nodes) {
    leaves += node.kind == Graph::Kind::leaf;
    constants += node.kind == Graph::Kind::constant;
    CHECK((node.number == 0) == (node.kind == Graph::Kind::constant));
  }
  CHECK(leaves == 2);
  CHECK(constants == 2);
  // Input 0 of the product is x, input 1 is w.
  for (const Graph::Edge& edge : graph.edges)
    if (graph.nodes[edge.to].op == "matmul")
      CHECK((graph.nodes[edge.from].name == "w") == (edge.input == 1));
}

TEST_CASE("graph: what is used twice is there once") {
  const Tensor x = ones({2});
  const Tensor e = exp(x);
  const Graph graph = graph_behind(e * e + e, {{"x", x}, {"e", e}});
  const Dot dot = read_dot(to_dot(graph));
  CHECK(dot.labels.size() == 4);
  const std::string shared = "e\nexp\n(2)";
  CHECK(dot.edges.count({shared, "mul\n(2)"}) == 2);
  CHECK(dot.edges.count({shared, "add\n(2)"}) == 1);
  CHECK(dot.edges.count({"mul\n(2)", "add\n(2)"}) == 1);
  CHECK(dot.edges.count({"x\n(2)", shared}) == 1);
  CHECK(dot.edges.size() == 5);
}

TEST_CASE("graph: names are escaped") {
  const Tensor x = ones({2});
  const std::string name = "a \"b\" \\n\n\\";
  const Dot dot = read_dot(to_dot(graph_behind(x + x, {{name, x}})));
  CHECK(dot.trouble == "");
  CHECK(dot.labels.at("n0") == name + "\n(2)");
}

TEST_CASE("graph: a leaf is a graph of its own, and a tensor without a gradient has none") {
  const Graph graph = graph_behind(ones({3, 1}));
  REQUIRE(graph.nodes.size() == 1);
  CHECK(graph.nodes[0].op == "leaf");
  CHECK(graph.edges.empty());
  CHECK(message_of([] {
          graph_behind(ones({3, 1}, false));
        }) == "[graph] (3,1): nothing here requires a gradient, so nothing was recorded");
  CHECK(message_of([] { graph_behind(Tensor()); }) == "[requires_grad] the tensor is undefined");
}

TEST_CASE("graph: looking changes nothing; a released graph is refused") {
  const Tensor x = ones({2});
  const Tensor e = exp(x);
  const Tensor y = sum(e);
  const std::string before = to_dot(graph_behind(y));
  y.backward(true);
  CHECK(to_dot(graph_behind(y)) == before);
  y.backward();
  CHECK(x.grad()[0] == 2 * e.value()[0]);
  CHECK(begins(message_of([&] { graph_behind(y * y); }),
               "[graph] the graph of 'sum' () was released by an earlier backward()"));
}

TEST_CASE("graph: a chain of a million ops") {
  Tensor y = ones({});
  const Tensor one = ones({});
  constexpr std::size_t kLong = 1'000'000;
  for (std::size_t i = 0; i < kLong; ++i) y = y * one;
  const Graph graph = graph_behind(y);
  CHECK(graph.nodes.size() == kLong + 2);
  CHECK(graph.edges.size() == 2 * kLong);
  CHECK(to_dot(graph).size() > 20 * kLong);
}

}  // namespace kindling::test
