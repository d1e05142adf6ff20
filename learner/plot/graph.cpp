#include "learner/plot/graph.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <stdexcept>

#include "learner/plot/graph_layout.h"
#include "learner/plot/png.h"
#include "learner/plot/style.h"

namespace kindling::plot {
namespace {

constexpr double kPad = 8;  // around the text in a box
constexpr double kLine = 12;
constexpr double kCorner = 5;
constexpr double kLongestText = 220;
constexpr double kLeastBox = 46;
constexpr double kArrowWidth = 1;
constexpr double kTip = 5.5;  // length of an arrow's tip
constexpr double kSample = 11;
constexpr Color kText2 = kFrame;  // all lines but the heading

struct Role {
  BoxRole role;
  const char* name;
  Color color;
};
// The colours of to_dot() in engine/graph.cpp.
constexpr std::array<Role, 4> kRoles{{{BoxRole::parameter, "parameter", {207, 226, 247}},
                                      {BoxRole::constant, "constant", {236, 236, 240}},
                                      {BoxRole::op, "op", {255, 255, 255}},
                                      {BoxRole::result, "result", {211, 236, 208}}}};

Color color_of(BoxRole role) {
  for (const Role& row : kRoles)
    if (row.role == role) return row.color;
  return kWhite;
}

void fill_rounded(Canvas& canvas, const Rect& box, double corner, Color color) {
  canvas.fill_rect({box.x + corner, box.y, box.width - 2 * corner, box.height}, color);
  canvas.fill_rect({box.x, box.y + corner, box.width, box.height - 2 * corner}, color);
  for (const double x : {box.x + corner, box.right() - corner})
    for (const double y : {box.y + corner, box.bottom() - corner})
      canvas.disc({x, y}, corner, color);
}

void draw_box(Canvas& canvas, const Rect& box, double corner, Color color) {
  fill_rounded(canvas, box, corner, kFrame);
  fill_rounded(canvas, box.grown(-1), corner - 1, color);
}

void draw_text(Canvas& canvas, const Rect& box, const std::vector<std::string>& lines) {
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const double base = box.y + kPad + kLine * (static_cast<double>(i) + kAscent);
    canvas.text({box.x + box.width / 2, base}, lines[i], kTickSize, i == 0 ? kInk : kText2,
                Align::center);
  }
}

void draw_arrow(Canvas& canvas, const std::vector<Point>& way) {
  canvas.polyline(way, {kFrame, kArrowWidth});
  // The tip follows the last stretch that is longer than itself.
  const Point end = way.back();
  Point from = way[way.size() - 2];
  for (std::size_t i = way.size() - 1; i-- > 0;) {
    from = way[i];
    if (std::hypot(end.x - from.x, end.y - from.y) >= kTip) break;
  }
  const double length = std::max(std::hypot(end.x - from.x, end.y - from.y), 1e-9);
  const Point along{(end.x - from.x) / length, (end.y - from.y) / length};
  for (double half = 0; half <= 0.42; half += 0.06) {  // strokes side by side: a filled tip
    const double x = end.x - kTip * along.x, y = end.y - kTip * along.y;
    const Point wings[] = {{x - kTip * half * along.y, y + kTip * half * along.x},
                           end,
                           {x + kTip * half * along.y, y - kTip * half * along.x}};
    canvas.polyline(wings, {kFrame, kArrowWidth});
  }
}

double legend_width() {
  double width = 0;
  for (const Role& role : kRoles) width += kSample + 5 + text_width(role.name, kTickSize) + 14;
  return width - 14;
}

void draw_legend(Canvas& canvas, double x, double y) {
  for (const Role& role : kRoles) {
    draw_box(canvas, {x, y, kSample, kSample}, 3, role.color);
    x += kSample + 5;
    canvas.text({x, y + kSample / 2 + kTickSize * kCapHeight / 2}, role.name, kTickSize, kInk);
    x += text_width(role.name, kTickSize) + 14;
  }
}

GraphLayout laid_out(const std::vector<std::vector<std::string>>& texts, const GraphData& data) {
  std::vector<Size> sizes;
  for (const auto& lines : texts) {
    double width = kLeastBox;
    for (const std::string& line : lines)
      width = std::max(width, std::ceil(text_width(line, kTickSize)) + 2 * kPad);
    sizes.push_back({width, kLine * static_cast<double>(lines.size()) + 2 * kPad});
  }
  Links links;
  for (const GraphArrow& arrow : data.arrows) links.emplace_back(arrow.from, arrow.to);
  return lay_out_graph(sizes, links);
}

}  // namespace

Canvas graph(const GraphData& data, const std::string& title) {
  if (data.boxes.size() > kMostBoxes)
    throw std::invalid_argument("[plot] a graph of " + std::to_string(data.boxes.size()) +
                                " boxes: at most " + std::to_string(kMostBoxes) + " expected");
  std::vector<std::vector<std::string>> texts;
  for (const GraphBox& box : data.boxes) {
    texts.emplace_back();
    for (const std::string& line : box.lines)
      texts.back().push_back(shortened(line, kTickSize, kLongestText));
  }
  const GraphLayout layout = laid_out(texts, data);

  const double head = title.empty() ? 0 : kTitleSize * (kAscent + kDescent) + kTitlePad;
  const double inner =
      std::max({layout.width, legend_width(), title.empty() ? 0 : text_width(title, kTitleSize)});
  const double foot = kSample + 16;
  const double height = head + std::max(layout.height, kLine) + foot;
  Canvas canvas(std::ceil(inner + 2 * kPageMargin), std::ceil(height + 2 * kPageMargin));
  canvas.text({canvas.width() / 2, kPageMargin + kTitleSize * kAscent}, title, kTitleSize, kInk,
              Align::center);
  if (data.boxes.empty())
    canvas.text({canvas.width() / 2, kPageMargin + head + kLabelSize * kAscent}, "no data",
                kLabelSize, kMuted, Align::center);

  const Point origin{std::round((canvas.width() - layout.width) / 2), kPageMargin + head};
  for (std::vector<Point> way : layout.arrows) {
    for (Point& p : way) p = {p.x + origin.x, p.y + origin.y};
    draw_arrow(canvas, way);
  }
  for (std::size_t i = 0; i < texts.size(); ++i) {
    Rect box = layout.boxes[i];
    box.x += origin.x, box.y += origin.y;
    draw_box(canvas, box, kCorner, color_of(data.boxes[i].role));
    draw_text(canvas, box, texts[i]);
  }
  draw_legend(canvas, (canvas.width() - legend_width()) / 2,
              canvas.height() - kPageMargin - kSample);
  return canvas;
}

void graph(const std::string& path, const GraphData& data, const std::string& title) {
  write_png(path, graph(data, title));
}

}  // namespace kindling::plot
