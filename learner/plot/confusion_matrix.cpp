// The table of mistakes that charts.h promises.
#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "learner/plot/charts.h"
#include "learner/plot/png.h"
#include "learner/plot/style.h"
#include "learner/plot/ticks.h"

namespace kindling::plot {
namespace {

constexpr double kCellPad = 8;  // beside a count, inside its cell
constexpr double kLeastCell = 34, kLeastSide = 120;
constexpr double kLongestName = 130;  // what is longer is shortened
constexpr double kNameGap = 6;        // between a name and the cells
constexpr Color kShade{30, 84, 152};

void check(const std::vector<std::string>& classes, const std::vector<double>& counts) {
  if (counts.size() != classes.size() * classes.size()) {
    throw std::invalid_argument("[plot] " + std::to_string(classes.size()) + " classes but " +
                                std::to_string(counts.size()) + " counts");
  }
  for (const double count : counts) {
    if (!(count >= 0 && std::isfinite(count)))
      throw std::invalid_argument("[plot] a count of " + std::to_string(count));
  }
}

}  // namespace

Canvas confusion_matrix(const std::vector<std::string>& classes, const std::vector<double>& counts,
                        const std::string& title) {
  check(classes, counts);
  const std::size_t n = classes.size();
  std::vector<std::string> names;
  double name_width = 0, cell = kLeastCell, all = 0, right = 0;
  for (const std::string& name : classes) {
    names.push_back(shortened(name, kTickSize, kLongestName));
    name_width = std::max(name_width, text_width(names.back(), kTickSize));
  }
  for (std::size_t i = 0; i < counts.size(); ++i) {
    cell = std::max(cell, std::ceil(text_width(with_commas(counts[i]), kTickSize) + kCellPad));
    all += counts[i];
    if (i / n == i % n) right += counts[i];
  }
  const std::string head =
      title.empty() ? with_commas(right) + " of " + with_commas(all) + " right" : title;

  // From the left: what the rows are, the names, the cells; from the top the same, below the title.
  const double label_room = kLabelSize * (kAscent + kDescent) + kLabelPad;
  const double head_room = kTitleSize * (kAscent + kDescent) + kTitlePad;
  if (n > 0) cell = std::max(cell, std::ceil(kLeastSide / static_cast<double>(n)));
  const double side = std::max(cell * static_cast<double>(n), kLeastSide);
  const double left = std::ceil(kPageMargin + label_room + name_width + kNameGap);
  const double top = std::ceil(kPageMargin + head_room + label_room + name_width + kNameGap);
  const double width = std::max(left + side, text_width(head, kTitleSize) + 2 * kPageMargin);
  Canvas canvas(std::ceil(width + kPageMargin), top + side + kPageMargin);

  const auto middle = [&](std::size_t i) { return (static_cast<double>(i) + 0.5) * cell; };
  for (std::size_t truth = 0; truth < n; ++truth) {
    double rows = 0;
    for (std::size_t guess = 0; guess < n; ++guess) rows += counts[truth * n + guess];
    for (std::size_t guess = 0; guess < n; ++guess) {
      const double count = counts[truth * n + guess];
      if (count == 0) continue;
      const double share = count / rows;
      // By the root: the mistakes, which are few, are what one looks for.
      const auto alpha = static_cast<float>(std::sqrt(share));
      const Rect box{left + static_cast<double>(guess) * cell,
                     top + static_cast<double>(truth) * cell, cell, cell};
      canvas.fill_rect(box, kShade.with_alpha(alpha));
      canvas.text({left + middle(guess), top + middle(truth) + kTickSize * kCapHeight / 2},
                  with_commas(count), kTickSize, alpha > 0.55f ? kWhite : kInk, Align::center);
    }
  }
  for (std::size_t i = 0; i <= n && n > 0; ++i) {
    const double at = static_cast<double>(i) * cell;
    canvas.crisp_line({left + at, top}, {left + at, top + side}, kGrid, kGridWidth);
    canvas.crisp_line({left, top + at}, {left + side, top + at}, kGrid, kGridWidth);
  }
  canvas.stroke_rect({left, top, side, side}, kFrame, kFrameWidth);

  const double drop = kTickSize * kCapHeight / 2;  // from a line's middle to its base
  for (std::size_t i = 0; i < n; ++i) {
    canvas.text({left - kNameGap, top + middle(i) + drop}, names[i], kTickSize, kInk, Align::right);
    canvas.text({left + middle(i) + drop, top - kNameGap}, names[i], kTickSize, kInk, Align::left,
                Direction::upward);
  }
  canvas.text({kPageMargin + kLabelSize * kAscent, top + side / 2}, "true class", kLabelSize, kInk,
              Align::center, Direction::upward);
  canvas.text({left + side / 2, kPageMargin + head_room + kLabelSize * kAscent}, "predicted class",
              kLabelSize, kInk, Align::center);
  canvas.text({canvas.width() / 2, kPageMargin + kTitleSize * kAscent}, head, kTitleSize, kInk,
              Align::center);
  if (n == 0)
    canvas.text({left + side / 2, top + side / 2}, "no data", kLabelSize, kMuted, Align::center);
  return canvas;
}

void confusion_matrix(const std::string& path, const std::vector<std::string>& classes,
                      const std::vector<double>& counts, const std::string& title) {
  write_png(path, confusion_matrix(classes, counts, title));
}

}  // namespace kindling::plot
