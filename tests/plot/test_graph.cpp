#include <algorithm>
#include <cmath>
#include <random>
#include <set>
#include <stdexcept>

#include "learner/plot/graph.h"
#include "learner/plot/graph_layout.h"
#include "tests/plot/picture.h"

using namespace kindling::plot;
using namespace kindling::plot::testing;

namespace {

// Whether the segment a-b comes into `box`: by stepping along it.
bool enters(Point a, Point b, const Rect& box) {
  for (int i = 0; i <= 400; ++i) {
    const double t = i / 400.0;
    if (box.contains({a.x + t * (b.x - a.x), a.y + t * (b.y - a.y)})) return true;
  }
  return false;
}

// What is wrong with a layout; empty if all is well.
std::string layout_trouble(const std::vector<Size>& sizes, const Links& links) {
  const GraphLayout layout = lay_out_graph(sizes, links);
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const Rect& box = layout.boxes[i];
    if (box.width != sizes[i].width || box.height != sizes[i].height) return "another size";
    if (box.x < -1e-9 || box.y < -1e-9 || box.right() > layout.width + 1e-9 ||
        box.bottom() > layout.height + 1e-9)
      return "a box outside";
    for (std::size_t j = 0; j < i; ++j)
      if (box.grown(2).overlaps(layout.boxes[j])) return "boxes overlap";
  }
  for (std::size_t k = 0; k < links.size(); ++k) {
    const auto& way = layout.arrows[k];
    const Rect &from = layout.boxes[links[k].first], &to = layout.boxes[links[k].second];
    if (way.front().y != from.bottom() || way.back().y != to.y) return "an arrow beside its box";
    if (way.front().x < from.x || way.front().x > from.right() || way.back().x < to.x ||
        way.back().x > to.right())
      return "an arrow beside its box";
    for (std::size_t s = 1; s < way.size(); ++s) {
      if (way[s].y < way[s - 1].y - 1e-9) return "an arrow that goes up";
      for (std::size_t i = 0; i < layout.boxes.size(); ++i)
        if (i != links[k].first && i != links[k].second &&
            enters(way[s - 1], way[s], layout.boxes[i].grown(0.25)))
          return "an arrow through a box";
    }
  }
  return "";
}

GraphData numbered(std::size_t boxes, const Links& links) {
  GraphData data;
  for (std::size_t i = 0; i < boxes; ++i)
    data.boxes.push_back({{"box " + std::to_string(i), "(64,10)"}, BoxRole::op});
  for (const auto& [from, to] : links) data.arrows.push_back({from, to});
  return data;
}

}  // namespace

TEST_CASE("graph layout: layers by the longest way, and sources right above what they go into") {
  // 0 -> 1 -> 2 -> 3, 0 -> 3, and 4 -> 3, 5 alone.
  CHECK(layers_of(6, {{0, 1}, {1, 2}, {2, 3}, {0, 3}, {4, 3}}) ==
        std::vector<int>{0, 1, 2, 3, 2, 0});
  CHECK_THROWS_WITH_AS(layers_of(2, {{0, 1}, {1, 0}}), "[plot] arrows in a circle",
                       std::invalid_argument);
  CHECK_THROWS_WITH_AS(layers_of(1, {{0, 0}}), "[plot] arrows in a circle", std::invalid_argument);
  CHECK_THROWS_WITH_AS(layers_of(2, {{0, 2}}), "[plot] an arrow from box 0 to box 2 of 2",
                       std::invalid_argument);
}

TEST_CASE("graph layout: two parallel chains do not cross, whatever order they come in") {
  // 0 -> 3 -> 4 and 1 -> 2 -> 5: drawn in the order of numbers they would cross.
  const GraphLayout layout =
      lay_out_graph(std::vector<Size>(6, {50, 30}), {{0, 3}, {3, 4}, {1, 2}, {2, 5}});
  const auto x = [&](int i) { return layout.boxes[i].x; };
  CHECK((x(0) < x(1)) == (x(3) < x(2)));
  CHECK((x(3) < x(2)) == (x(4) < x(5)));
  CHECK(x(0) == doctest::Approx(x(3)));
  CHECK(x(2) == doctest::Approx(x(5)));
}

TEST_CASE("graph layout: no box on another, no arrow through a box, in 300 random graphs") {
  std::mt19937 random(7);
  const auto below = [&](std::size_t n) { return random() % n; };
  for (int round = 0; round < 300; ++round) {
    const std::size_t boxes = 1 + below(round % 10 == 0 ? kMostBoxes : 14);
    std::vector<Size> sizes;
    for (std::size_t i = 0; i < boxes; ++i)
      sizes.push_back({46.0 + static_cast<double>(below(150)), 28 + 12.0 * below(3)});
    Links links;
    for (std::size_t to = 1; to < boxes; ++to)
      for (std::size_t k = 0; k < below(4); ++k) links.emplace_back(below(to), to);
    CAPTURE(round);
    CHECK(layout_trouble(sizes, links) == "");
  }
}

TEST_CASE("graph: texts stay in their boxes and apart, and every role has its colour") {
  GraphData data = numbered(5, {{0, 2}, {1, 2}, {2, 3}, {2, 4}, {2, 3}});
  data.boxes[0] = {{std::string(300, 'w'), "(1,2,3)"}, BoxRole::parameter};
  data.boxes[1].role = BoxRole::constant;
  data.boxes[4].role = BoxRole::result;
  const Canvas picture = graph(data, "A title");
  CHECK(text_trouble(picture) == "");
  for (const char* text : {"A title", "box 2", "parameter", "constant", "op", "result"})
    CHECK(shows_text(picture, text));
  CHECK_FALSE(shows_text(picture, std::string(300, 'w')));  // shortened
  std::set<int> colors;
  for (int y = 0; y < picture.pixel_height(); ++y)
    for (int x = 0; x < picture.pixel_width(); ++x) {
      const Color c = picture.pixel(x, y);
      colors.insert(c.r << 16 | c.g << 8 | c.b);
    }
  CHECK(colors.contains(0xcfe2f7));
  CHECK(colors.contains(0xececf0));
  CHECK(colors.contains(0xd3ecd0));
}

TEST_CASE("graph: nothing, one box, and the most there may be") {
  CHECK(shows_text(graph({}), "no data"));
  CHECK(text_trouble(graph(numbered(1, {}), "A title that is much wider than the only box")) == "");
  Links chain, fan, dense;
  for (std::size_t i = 1; i < kMostBoxes; ++i) {
    chain.emplace_back(i - 1, i);
    fan.emplace_back(i - 1, kMostBoxes - 1);
    for (std::size_t k = 0; k < i; ++k) dense.emplace_back(k, i);
  }
  for (const Links& links : {chain, fan}) {
    const Canvas picture = graph(numbered(kMostBoxes, links));
    CHECK(text_trouble(picture) == "");
    CHECK(shows_text(picture, "box 59"));
  }
  CHECK(layout_trouble(std::vector<Size>(20, {60, 40}), {dense.begin(), dense.begin() + 190}) ==
        "");
  CHECK_THROWS_WITH_AS(graph(numbered(kMostBoxes + 1, {})),
                       "[plot] a graph of 61 boxes: at most 60 expected", std::invalid_argument);
}
