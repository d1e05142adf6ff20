#include "learner/plot/graph_layout.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

namespace kindling::plot {
namespace {

constexpr double kBetweenBoxes = 16;   // in a layer
constexpr double kLane = 6;            // of a layer that an arrow passes through
constexpr double kBetweenLayers = 34;  // at least, for the arrows
constexpr double kFlattest = 0.12;     // an arrow falls at least so much for a pixel aside,
constexpr double kHighestGap = 160;    // unless layers would be further apart than this
constexpr int kSweeps = 24;
// How much it counts where an item wants to be. Arrows that pass by want to be straight; a box that
// nothing leads to, a parameter, goes where there is room beside those that make up the main line.
constexpr double kLaneWeight = 8, kSourceWeight = 0.02;

// A box, or a place where an arrow passes through a layer.
struct Item {
  int layer = 0;
  double width = 0, height = 0, x = 0;  // x: of the middle
  bool lane = false;
  std::vector<std::size_t> above, below;
  double weight() const { return lane ? kLaneWeight : above.empty() ? kSourceWeight : 1; }
};

struct Layers {
  std::vector<Item> items;                     // first the boxes, then the lanes
  std::vector<std::vector<std::size_t>> rows;  // items from left to right
  std::vector<std::vector<std::size_t>> ways;  // of each link: its box, lanes, and box
};

Layers in_layers(const std::vector<Size>& sizes, const Links& links) {
  Layers graph;
  const std::vector<int> layers = layers_of(sizes.size(), links);
  for (std::size_t i = 0; i < sizes.size(); ++i)
    graph.items.push_back({layers[i], sizes[i].width, sizes[i].height, 0, false, {}, {}});
  for (const auto& [from, to] : links) {
    std::vector<std::size_t> way{from};
    for (int layer = layers[from] + 1; layer < layers[to]; ++layer) {
      way.push_back(graph.items.size());
      graph.items.push_back({layer, kLane, 0, 0, true, {}, {}});
    }
    way.push_back(to);
    for (std::size_t i = 1; i < way.size(); ++i) {
      graph.items[way[i - 1]].below.push_back(way[i]);
      graph.items[way[i]].above.push_back(way[i - 1]);
    }
    graph.ways.push_back(std::move(way));
  }
  for (std::size_t i = 0; i < graph.items.size(); ++i) {
    const auto layer = static_cast<std::size_t>(graph.items[i].layer);
    if (graph.rows.size() <= layer) graph.rows.resize(layer + 1);
    graph.rows[layer].push_back(i);
  }
  return graph;
}

std::vector<double> places(const Layers& graph) {
  std::vector<double> place(graph.items.size());
  for (const auto& row : graph.rows)
    for (std::size_t i = 0; i < row.size(); ++i) place[row[i]] = static_cast<double>(i);
  return place;
}

// How many pairs of arrows cross, between a layer and the next.
long crossings(const Layers& graph) {
  const std::vector<double> place = places(graph);
  long count = 0;
  for (const auto& row : graph.rows) {
    std::vector<std::pair<double, double>> ends;
    for (const std::size_t i : row)
      for (const std::size_t k : graph.items[i].below) ends.emplace_back(place[i], place[k]);
    for (std::size_t a = 0; a < ends.size(); ++a)
      for (std::size_t b = 0; b < a; ++b)
        count += (ends[a].first - ends[b].first) * (ends[a].second - ends[b].second) < 0;
  }
  return count;
}

// Puts each item of a row at the mean place of its neighbours in the row before; one without any
// stays where it is.
void by_barycentre(Layers& graph, std::size_t row, bool from_above) {
  const std::vector<double> place = places(graph);
  std::vector<double> wish = place;
  for (const std::size_t i : graph.rows[row]) {
    const auto& neighbours = from_above ? graph.items[i].above : graph.items[i].below;
    if (neighbours.empty()) continue;
    double sum = 0;
    for (const std::size_t k : neighbours) sum += place[k];
    wish[i] = sum / static_cast<double>(neighbours.size());
  }
  std::stable_sort(graph.rows[row].begin(), graph.rows[row].end(),
                   [&](std::size_t a, std::size_t b) { return wish[a] < wish[b]; });
}

// Sweeps down and up, and keeps the order with the fewest crossings that was seen.
void order_rows(Layers& graph) {
  auto best = graph.rows;
  long fewest = crossings(graph);
  for (int sweep = 0; sweep < kSweeps && fewest > 0; ++sweep) {
    for (std::size_t i = 1; i < graph.rows.size(); ++i) {
      const bool down = sweep % 2 == 0;
      by_barycentre(graph, down ? i : graph.rows.size() - 1 - i, down);
    }
    const long now = crossings(graph);
    if (now < fewest) best = graph.rows, fewest = now;
  }
  graph.rows = best;
}

// The room below a row: none of its arrows shall graze the boxes beside the one it comes from.
double room_below(const Layers& graph, const std::vector<std::size_t>& row) {
  double aside = 0;
  for (const std::size_t i : row)
    for (const std::size_t k : graph.items[i].below)
      aside = std::max(aside, std::abs(graph.items[k].x - graph.items[i].x));
  return std::clamp(kFlattest * aside, kBetweenLayers, kHighestGap);
}

double gap(const Item& left, const Item& right) {
  const double between = left.lane && right.lane ? kBetweenBoxes / 2 : kBetweenBoxes;
  return (left.width + right.width) / 2 + between;
}

// Moves the items of a row as close to where they want to be as their order and their widths allow,
// in the sense of least squares: without the widths an isotonic regression, which pools neighbours
// that want to be in the wrong order.
void place_row(Layers& graph, const std::vector<std::size_t>& row,
               const std::vector<double>& wishes) {
  struct Pool {
    double weight, sum;
    std::size_t size;
    double mean() const { return sum / weight; }
  };
  std::vector<Pool> pools;
  std::vector<double> offsets;
  for (std::size_t i = 0; i < row.size(); ++i) {
    const Item& item = graph.items[row[i]];
    offsets.push_back(i == 0 ? 0 : offsets.back() + gap(graph.items[row[i - 1]], item));
    const double weight = item.weight();
    pools.push_back({weight, weight * (wishes[i] - offsets[i]), 1});
    while (pools.size() > 1 && pools[pools.size() - 2].mean() > pools.back().mean()) {
      const Pool last = pools.back();
      pools.pop_back();
      pools.back().weight += last.weight;
      pools.back().sum += last.sum;
      pools.back().size += last.size;
    }
  }
  std::size_t i = 0;
  for (const Pool& pool : pools)
    for (std::size_t k = 0; k < pool.size; ++k, ++i)
      graph.items[row[i]].x = pool.mean() + offsets[i];
}

void place_items(Layers& graph) {
  for (const auto& row : graph.rows) place_row(graph, row, std::vector<double>(row.size(), 0.0));
  for (int sweep = 0; sweep < kSweeps; ++sweep) {
    for (std::size_t r = 0; r < graph.rows.size(); ++r) {
      const auto& row = graph.rows[sweep % 2 == 0 ? r : graph.rows.size() - 1 - r];
      std::vector<double> wishes;
      for (const std::size_t i : row) {
        const Item& item = graph.items[i];
        double sum = 0, weight = 0;
        for (const auto* side : {&item.above, &item.below})
          for (const std::size_t k : *side) {
            const double counts = std::min(graph.items[k].weight(), 1.0);
            sum += counts * graph.items[k].x;
            weight += counts;
          }
        wishes.push_back(weight > 0 ? sum / weight : item.x);
      }
      place_row(graph, row, wishes);
    }
  }
}

// Where an arrow leaves or reaches a box: its `turn`-th of `of` has a part of the edge of its own.
double along_edge(const Rect& box, std::size_t turn, std::size_t of) {
  const double step = std::min(14.0, box.width * 0.7 / static_cast<double>(of));
  return box.x + box.width / 2 +
         step * (static_cast<double>(turn) - (static_cast<double>(of) - 1) / 2);
}

// The links that are at one side of a box, from left to right by where they go.
struct Ends {
  std::vector<std::size_t> links;
  std::size_t turn(std::size_t link) const {
    return static_cast<std::size_t>(std::ranges::find(links, link) - links.begin());
  }
};

std::vector<Ends> ends_of(const Layers& graph, std::size_t boxes, bool out) {
  std::vector<Ends> ends(boxes);
  for (std::size_t i = 0; i < graph.ways.size(); ++i)
    ends[out ? graph.ways[i].front() : graph.ways[i].back()].links.push_back(i);
  const auto next = [&](std::size_t link) {
    const auto& way = graph.ways[link];
    return graph.items[out ? way[1] : way[way.size() - 2]].x;
  };
  for (Ends& end : ends)
    std::stable_sort(end.links.begin(), end.links.end(),
                     [&](std::size_t a, std::size_t b) { return next(a) < next(b); });
  return ends;
}

}  // namespace

std::vector<int> layers_of(std::size_t boxes, const Links& links) {
  std::vector<int> layer(boxes, 0);
  std::vector<bool> reached(boxes, false);
  for (const auto& [from, to] : links) {
    if (from >= boxes || to >= boxes)
      throw std::invalid_argument("[plot] an arrow from box " + std::to_string(from) + " to box " +
                                  std::to_string(to) + " of " + std::to_string(boxes));
    reached[to] = true;
  }
  bool changed = true;
  for (std::size_t round = 0; changed; ++round) {
    if (round > boxes) throw std::invalid_argument("[plot] arrows in a circle");
    changed = false;
    for (const auto& [from, to] : links) {
      if (layer[to] > layer[from]) continue;
      layer[to] = layer[from] + 1;
      changed = true;
    }
  }
  std::vector<int> nearest(boxes, -1);
  for (const auto& [from, to] : links)
    if (nearest[from] < 0 || layer[to] < nearest[from]) nearest[from] = layer[to];
  for (std::size_t i = 0; i < boxes; ++i)
    if (!reached[i] && nearest[i] > 0) layer[i] = nearest[i] - 1;
  return layer;
}

GraphLayout lay_out_graph(const std::vector<Size>& sizes, const Links& links) {
  Layers graph = in_layers(sizes, links);
  order_rows(graph);
  place_items(graph);

  GraphLayout layout;
  double left = 0;
  for (const Item& item : graph.items) left = std::min(left, item.x - item.width / 2);
  for (Item& item : graph.items) {
    item.x -= left;
    layout.width = std::max(layout.width, item.x + item.width / 2);
  }
  layout.boxes.resize(sizes.size());
  std::vector<double> tops, bottoms;
  double room = 0;
  for (const auto& row : graph.rows) {
    double height = 0;
    for (const std::size_t i : row) height = std::max(height, graph.items[i].height);
    tops.push_back(tops.empty() ? 0 : bottoms.back() + room);
    bottoms.push_back(tops.back() + height);
    room = room_below(graph, row);
    for (const std::size_t i : row) {
      const Item& item = graph.items[i];
      if (item.lane) continue;
      layout.boxes[i] = {item.x - item.width / 2, bottoms.back() - item.height, item.width,
                         item.height};
    }
  }
  layout.height = bottoms.empty() ? 0 : bottoms.back();

  // Straight down past the boxes of a layer, slanted only between two layers.
  const auto outs = ends_of(graph, sizes.size(), true), ins = ends_of(graph, sizes.size(), false);
  for (std::size_t i = 0; i < graph.ways.size(); ++i) {
    const auto& way = graph.ways[i];
    const std::size_t from = way.front(), to = way.back();
    const Rect &start = layout.boxes[from], &end = layout.boxes[to];
    const double x = along_edge(start, outs[from].turn(i), outs[from].links.size());
    const double y = along_edge(end, ins[to].turn(i), ins[to].links.size());
    std::vector<Point> arrow{{x, start.bottom()}};
    for (std::size_t k = 1; k + 1 < way.size(); ++k) {
      const Item& lane = graph.items[way[k]];
      arrow.push_back({lane.x, tops[static_cast<std::size_t>(lane.layer)]});
      arrow.push_back({lane.x, bottoms[static_cast<std::size_t>(lane.layer)]});
    }
    arrow.push_back({y, tops[static_cast<std::size_t>(graph.items[to].layer)]});
    arrow.push_back({y, end.y});
    layout.arrows.push_back(std::move(arrow));
  }
  return layout;
}

}  // namespace kindling::plot
