#include "learner/plot/charts.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>
#include <utility>

#include "learner/plot/figure.h"
#include "learner/plot/png.h"
#include "learner/plot/smoothing.h"

namespace kindling::plot {
namespace {

// A loss axis turns logarithmic when the largest loss exceeds the median by this factor.
constexpr double kLogFrom = 30;
// Lines of more points than this are drawn thinner, or noise would fill the panel.
constexpr std::size_t kDense = 700;

// 1, 2, ..., n: the numbers of the batches.
std::vector<double> batch_numbers(std::size_t n, int first = 1) {
  std::vector<double> numbers(n);
  std::iota(numbers.begin(), numbers.end(), static_cast<double>(first));
  return numbers;
}

// How a page holds one panel a layer.
struct PanelGrid {
  int count, cols, rows;
  double width, height;  // of a plot

  explicit PanelGrid(std::size_t panels) : count(static_cast<int>(panels)) {
    cols = count <= 3 ? std::max(count, 1) : count == 4 ? 2 : count <= 9 ? 3 : 4;
    rows = std::max((count + cols - 1) / cols, 1);
    width = cols == 1 ? 460 : cols == 2 ? 340 : cols == 3 ? 260 : 220;
    height = std::round(width * (cols == 1 ? 0.45 : 0.52));
  }
  Figure figure() const { return {rows, cols, width, height}; }
  bool leftmost(int i) const { return i % cols == 0; }
  bool lowest(int i) const { return i + cols >= count; }
};

void check_bins(const HistogramPanel& panel) {
  for (const auto& h : panel.histograms) {
    if (h.size() != panel.histograms.front().size()) {
      throw std::invalid_argument("[plot] '" + panel.name + "' has histograms of " +
                                  std::to_string(panel.histograms.front().size()) + " and of " +
                                  std::to_string(h.size()) + " bins");
    }
  }
}

// (bins, batches) of log(1 + count), bin 0 at the bottom.
Matrix log_counts(const HistogramPanel& panel) {
  const int batches = static_cast<int>(panel.histograms.size());
  const int bins = batches ? static_cast<int>(panel.histograms.front().size()) : 0;
  Matrix m{bins, batches, std::vector<double>(static_cast<std::size_t>(bins) * batches)};
  for (int b = 0; b < batches; ++b) {
    for (int bin = 0; bin < bins; ++bin) {
      m.values[static_cast<std::size_t>(bin) * batches + b] =
          std::log1p(std::max(panel.histograms[b][bin], 0.0));
    }
  }
  return m;
}

bool needs_log_axis(const std::vector<double>& values) {
  std::vector<double> finite;
  for (const double v : values) {
    if (std::isfinite(v)) finite.push_back(v);
  }
  if (finite.size() < 3) return false;
  std::ranges::sort(finite);
  const double median = finite[finite.size() / 2];
  return finite.front() > 0 && finite.back() > kLogFrom * median;
}

}  // namespace

Canvas color_dim(const std::vector<HistogramPanel>& panels, const ActivationOptions& options) {
  const PanelGrid grid(panels.size());
  Figure figure = grid.figure();
  figure.suptitle(options.title);
  for (int i = 0; i < std::max(grid.count, 1); ++i) {
    Axes& axes = figure.at(i).x_integers();
    if (grid.lowest(i)) axes.x_label("batch");
    if (grid.leftmost(i)) axes.y_label("|activation|");
    if (i >= grid.count) continue;  // no panels at all: one empty plot
    check_bins(panels[i]);
    ImageStyle style;
    style.lo = 0;
    style.x = Limits{0.5, static_cast<double>(panels[i].histograms.size()) + 0.5};
    style.y = Limits{0, options.max_activation};
    style.colorbar = true;
    if ((i + 1) % grid.cols == 0 || i + 1 == grid.count) style.colorbar_label = "log(1 + count)";
    axes.title(panels[i].name).image(log_counts(panels[i]), style);
  }
  return figure.render();
}

std::vector<double> lowest_bin_share(const HistogramPanel& panel) {
  check_bins(panel);
  std::vector<double> shares;
  for (const auto& h : panel.histograms) {
    const double sum = std::accumulate(h.begin(), h.end(), 0.0);
    shares.push_back(sum > 0 ? h.front() / sum : std::nan(""));
  }
  return shares;
}

Canvas dead_chart(const std::vector<HistogramPanel>& panels, const ActivationOptions& options) {
  const PanelGrid grid(panels.size());
  Figure figure = grid.figure();
  figure.suptitle(options.title);
  for (int i = 0; i < std::max(grid.count, 1); ++i) {
    Axes& axes = figure.at(i).x_integers().y_limits(-0.03, 1.03);
    if (grid.lowest(i)) axes.x_label("batch");
    if (grid.leftmost(i)) axes.y_label("share near zero");
    if (i >= grid.count) continue;
    const std::vector<double> shares = lowest_bin_share(panels[i]);
    axes.title(panels[i].name).line(batch_numbers(shares.size()), shares);
  }
  return figure.render();
}

Canvas plot_stats(const std::vector<StatsSeries>& series, const std::string& title) {
  Figure figure(1, 2, 350, 230);
  figure.suptitle(title);
  Axes& means = figure.at(0).title("means").x_label("batch").x_integers();
  Axes& stds = figure.at(1).title("standard deviations").x_label("batch").x_integers();
  // One legend, beside both panels: the lines are the same.
  means.legend(LegendPlace::none);
  stds.legend(LegendPlace::outside);
  for (const StatsSeries& s : series) {
    const bool dense = std::max(s.means.size(), s.stds.size()) > kDense;
    const LineStyle style{.width = dense ? 0.7 : 1.4};
    means.line(batch_numbers(s.means.size()), s.means, s.name, style);
    stds.line(batch_numbers(s.stds.size()), s.stds, s.name, style);
  }
  return figure.render();
}

Canvas update_stats(const std::vector<UpdateSeries>& series, const std::string& title) {
  Figure figure(1, 2, 350, 230);
  figure.suptitle(title);
  Axes& gradients = figure.at(0).title("norms of gradients").x_label("step").x_integers();
  Axes& ratios =
      figure.at(1).title("norms of steps over those of weights").x_label("step").x_integers();
  gradients.y_scale(Scale::log10).legend(LegendPlace::none);
  ratios.y_scale(Scale::log10).legend(LegendPlace::outside);
  for (const UpdateSeries& s : series) {
    const bool dense = std::max(s.gradients.size(), s.ratios.size()) > kDense;
    const LineStyle style{.width = dense ? 0.7 : 1.4};
    gradients.line(batch_numbers(s.gradients.size()), s.gradients, s.name, style);
    ratios.line(batch_numbers(s.ratios.size()), s.ratios, s.name, style);
  }
  return figure.render();
}

Canvas losses(const std::vector<double>& train, const std::vector<LossPoint>& valid,
              const LossOptions& options) {
  if (!(options.smoothing >= 0 && options.smoothing < 1)) {
    throw std::invalid_argument("[plot] smoothing must lie in [0, 1)");
  }
  std::vector<double> all = train, valid_x, valid_y;
  for (const LossPoint& p : valid) {
    valid_x.push_back(p.batch), valid_y.push_back(p.loss), all.push_back(p.loss);
  }
  Figure figure(1, 1, 520, 290);
  Axes& axes = figure.at(0).title(options.title).x_label("batch").x_integers();
  const bool log = needs_log_axis(all);
  axes.y_label(log ? "loss (log axis)" : "loss").y_scale(log ? Scale::log10 : Scale::linear);
  const std::vector<double> batches = batch_numbers(train.size());
  const Color color = palette(0);
  if (options.smoothing > 0 && train.size() > 2) {
    axes.line(batches, train, "", {.color = color, .width = 1, .alpha = 0.32});
    const auto curve =
        log ? smoothed_logs(train, options.smoothing) : smoothed(train, options.smoothing);
    axes.line(batches, curve, "train, smoothed", {.color = color, .width = 1.8});
  } else if (!train.empty()) {
    axes.line(batches, train, "train", {.color = color});
  }
  if (!valid.empty()) {
    axes.line(valid_x, valid_y, "valid", {.color = palette(1), .width = 1.8, .marker = 3});
  }
  return figure.render();
}

Canvas lr_find(const std::vector<double>& lrs, const std::vector<double>& losses,
               std::optional<double> suggestion, const std::vector<double>& smoothed,
               const std::string& title) {
  const auto check_length = [&](const std::vector<double>& values) {
    if (lrs.size() != values.size())
      throw std::invalid_argument("[plot] " + std::to_string(lrs.size()) + " learning rates but " +
                                  std::to_string(values.size()) + " losses");
  };
  check_length(losses);
  if (!smoothed.empty()) check_length(smoothed);
  const std::vector<double>& curve = smoothed.empty() ? losses : smoothed;
  Figure figure(1, 1, 460, 280);
  Axes& axes = figure.at(0).title(title).x_label("learning rate").x_scale(Scale::log10);
  const bool log = needs_log_axis(losses);
  axes.y_label(log ? "loss (log axis)" : "loss").y_scale(log ? Scale::log10 : Scale::linear);
  if (!smoothed.empty())
    axes.line(lrs, losses, "", {.color = palette(0).with_alpha(0.35f), .width = 1.2});
  axes.line(lrs, curve, "", {.color = palette(0), .width = 1.8});
  if (!suggestion || !(*suggestion > 0) || !std::isfinite(*suggestion)) return figure.render();
  const Color mark = palette(3);
  axes.vertical_line(*suggestion, {},
                     {.color = mark.with_alpha(0.6f), .width = 1, .dash = Dash::dashed});
  std::size_t nearest = lrs.size();  // on the curve, in the ratio that a log axis shows
  double least = 0;
  for (std::size_t i = 0; i < lrs.size(); ++i) {
    if (!(lrs[i] > 0) || !std::isfinite(curve[i])) continue;
    const double away = std::abs(std::log(lrs[i] / *suggestion));
    if (nearest == lrs.size() || away < least) nearest = i, least = away;
  }
  Label note("suggested: ");
  for (const Label::Run& run : number_label(*suggestion, 3).runs) {
    note.append(run.text, run.superscript);
  }
  if (nearest < lrs.size()) axes.annotate(*suggestion, curve[nearest], note, mark, 4);
  return figure.render();
}

Canvas series(const std::vector<Series>& lines, const SeriesOptions& options) {
  Figure figure(1, 1, 520, 290);
  Axes& axes = figure.at(0).title(options.title).x_label(options.x_label).x_integers();
  axes.y_label(options.y_label);
  if (lines.size() > 4) axes.legend(LegendPlace::outside);
  for (const Series& line : lines) {
    const LineStyle style{.width = line.values.size() > kDense ? 0.9 : 1.6};
    axes.line(batch_numbers(line.values.size(), options.first), line.values,
              lines.size() > 1 ? line.name : "", style);
  }
  return figure.render();
}

void color_dim(const std::string& path, const std::vector<HistogramPanel>& panels,
               const ActivationOptions& options) {
  write_png(path, color_dim(panels, options));
}

void dead_chart(const std::string& path, const std::vector<HistogramPanel>& panels,
                const ActivationOptions& options) {
  write_png(path, dead_chart(panels, options));
}

void plot_stats(const std::string& path, const std::vector<StatsSeries>& series,
                const std::string& title) {
  write_png(path, plot_stats(series, title));
}

void update_stats(const std::string& path, const std::vector<UpdateSeries>& series,
                  const std::string& title) {
  write_png(path, update_stats(series, title));
}

void losses(const std::string& path, const std::vector<double>& train,
            const std::vector<LossPoint>& valid, const LossOptions& options) {
  write_png(path, losses(train, valid, options));
}

void series(const std::string& path, const std::vector<Series>& lines,
            const SeriesOptions& options) {
  write_png(path, series(lines, options));
}

void lr_find(const std::string& path, const std::vector<double>& lrs,
             const std::vector<double>& losses, std::optional<double> suggestion,
             const std::vector<double>& smoothed, const std::string& title) {
  write_png(path, lr_find(lrs, losses, suggestion, smoothed, title));
}

}  // namespace kindling::plot
