#include "learner/plot/legend.h"

#include <algorithm>
#include <cmath>

#include "learner/plot/style.h"

namespace kindling::plot {
namespace {

constexpr double kLegendPad = 6;      // between frame and content
constexpr double kLegendRow = 14.5;   // from one base line to the next
constexpr double kLegendSample = 18;  // length of a line sample
constexpr double kLegendGap = 6;      // between it and the name
constexpr double kLegendInset = 7;    // between the plot's frame and the legend's
constexpr double kWidest = 190;       // an outside legend's names are shortened to this
constexpr double kMaxHidden = 0.015;  // share of the data a legend may lie on

Rect sized(const std::vector<LegendEntry>& entries) {
  double widest = 0;
  for (const LegendEntry& e : entries) widest = std::max(widest, text_width(e.label, kTickSize));
  return {
      0, 0, 2 * kLegendPad + kLegendSample + kLegendGap + widest,
      2 * kLegendPad + kLegendRow * static_cast<double>(entries.size()) - (kLegendRow - kTickSize)};
}

std::vector<LegendEntry> narrowed(std::vector<LegendEntry> entries, double max_text) {
  for (LegendEntry& e : entries) e.label = shortened(e.label, kTickSize, max_text);
  return entries;
}

void drop_surplus(std::vector<LegendEntry>& entries, double height) {
  const auto room =
      static_cast<std::size_t>(std::max(2.0, std::floor((height - kLegendPad) / kLegendRow)));
  if (entries.size() <= room) return;
  const std::size_t left_out = entries.size() - (room - 1);
  entries.resize(room - 1);
  entries.push_back({"+ " + std::to_string(left_out) + " more", kMuted, 0, Dash::solid, 0});
}

}  // namespace

int count_inside(const std::vector<Point>& clutter, const Rect& rect) {
  return static_cast<int>(
      std::ranges::count_if(clutter, [&](const Point& p) { return rect.contains(p); }));
}

Legend lay_out_legend(const std::vector<LegendEntry>& entries, LegendPlace place, double width,
                      double height, const std::vector<Point>& clutter, double gap) {
  Legend legend;
  if (entries.empty() || place == LegendPlace::none) return legend;
  if (place == LegendPlace::automatic) {
    legend.entries = narrowed(entries, 0.45 * width - kLegendSample - kLegendGap - 2 * kLegendPad);
    legend.box = sized(legend.entries);
    const double right = width - legend.box.width - kLegendInset;
    const double low = height - legend.box.height - kLegendInset;
    const Point corners[] = {
        {right, kLegendInset}, {kLegendInset, kLegendInset}, {right, low}, {kLegendInset, low}};
    int fewest = -1;
    for (const Point& corner : corners) {
      const Rect here{corner.x, corner.y, legend.box.width, legend.box.height};
      const int hidden = count_inside(clutter, here.grown(3));
      if (fewest < 0 || hidden < fewest) fewest = hidden, legend.box = here;
    }
    const bool fits = legend.box.width < 0.6 * width && legend.box.height < 0.7 * height;
    if (fits && fewest <= kMaxHidden * static_cast<double>(clutter.size())) return legend;
  }
  legend.outside = true;
  legend.entries = narrowed(entries, kWidest);
  drop_surplus(legend.entries, height);
  legend.box = sized(legend.entries);
  legend.box.x = width + gap;
  return legend;
}

void draw_legend(Canvas& canvas, const Legend& legend, Point plot_corner) {
  if (legend.empty()) return;
  const Rect box{plot_corner.x + legend.box.x, plot_corner.y + legend.box.y, legend.box.width,
                 legend.box.height};
  if (!legend.outside) {
    canvas.fill_rect(box, kWhite.with_alpha(0.86f));
    canvas.stroke_rect(box, kLegendFrame, 0.5);
  }
  double base = box.y + kLegendPad + kTickSize * (0.5 + kCapHeight / 2);
  for (const LegendEntry& e : legend.entries) {
    const double x = box.x + kLegendPad, middle = base - kTickSize * kCapHeight / 2;
    if (e.width > 0) {
      const Point sample[] = {{x, middle}, {x + kLegendSample, middle}};
      canvas.polyline(sample, {e.color, e.width, e.dash});
    }
    if (e.marker > 0) canvas.disc({x + kLegendSample / 2, middle}, e.marker, e.color);
    canvas.text({x + kLegendSample + kLegendGap, base}, e.label, kTickSize, kInk);
    base += kLegendRow;
  }
}

}  // namespace kindling::plot
