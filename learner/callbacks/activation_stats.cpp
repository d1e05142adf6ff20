#include "learner/callbacks/activation_stats.h"

#include <algorithm>

#include "engine/ops/histogram.h"
#include "learner/plot/charts.h"
#include "learner/plot/png.h"

namespace kindling {

void append_stats(LayerStats& stats, const Tensor& y) {
  const Distribution seen =
      distribution(y, ActivationStats::kBins, 0, ActivationStats::kRange, /*absolute=*/true);
  stats.means.push_back(static_cast<Scalar>(seen.mean));
  stats.stds.push_back(static_cast<Scalar>(seen.stddev));
  stats.histograms.emplace_back(seen.counts.values().begin(), seen.counts.values().end());
}

ActivationStats::ActivationStats(ModulePredicate pick, bool on_train, bool on_valid)
    : HooksCallback([](LayerStats& stats, nn::Module&, const Tensor&,
                       const Tensor& y) { append_stats(stats, y); },
                    std::move(pick), on_train, on_valid) {}

namespace {

/// Rows of `width` numbers each.
Array as_array(const std::vector<std::vector<double>>& rows, Index width) {
  Array array(Shape{std::ssize(rows), width});
  Scalar* out = array.data();
  for (const auto& row : rows) out = std::copy(row.begin(), row.end(), out);
  return array;
}

void layer_state(Archive& archive, LayerStats& stats) {
  constexpr Index kColumns = 2 + ActivationStats::kBins;
  std::vector<std::vector<double>> rows = stats.histograms;
  for (std::size_t i = 0; i < rows.size(); ++i)
    rows[i].insert(rows[i].begin(), {stats.means[i], stats.stds[i]});
  Array array = as_array(rows, kColumns);
  archive("batches", array);
  archive.expect(array.rank() == 2 && array.dim(1) == kColumns, "batches",
                 str("rows of ", kColumns, " numbers"));
  if (!archive.loading()) return;
  stats = {};
  for (Index i = 0; i < array.dim(0); ++i) {
    const auto row = array.values().subspan(static_cast<std::size_t>(i * kColumns), kColumns);
    stats.means.push_back(row[0]);
    stats.stds.push_back(row[1]);
    stats.histograms.emplace_back(row.begin() + 2, row.end());
  }
}

}  // namespace

/// Mean, deviation and counts of a batch are a row.
void ActivationStats::state(Archive& archive) {
  archive.same("layers", static_cast<Index>(hooks().size()));
  for (std::size_t i = 0; i < hooks().size(); ++i)
    archive.in(label(i), [&] { layer_state(archive, hooks()[i].state()); });
}

std::string ActivationStats::label(std::size_t i) const {
  return names()[i].empty() ? "model" : "layer " + names()[i];
}

namespace {

std::vector<plot::HistogramPanel> panels(const ActivationStats& stats,
                                         const std::function<std::string(std::size_t)>& label) {
  std::vector<plot::HistogramPanel> all;
  for (std::size_t i = 0; i < stats.hooks().size(); ++i)
    all.push_back({label(i), stats.hooks()[i].state().histograms});
  return all;
}

}  // namespace

plot::Canvas ActivationStats::color_dim() const {
  return plot::color_dim(panels(*this, [this](std::size_t i) { return label(i); }),
                         {"Activations over time", kRange});
}

void ActivationStats::color_dim(const std::string& path) const {
  plot::write_png(path, color_dim());
}

plot::Canvas ActivationStats::dead_chart() const {
  return plot::dead_chart(panels(*this, [this](std::size_t i) { return label(i); }),
                          {"Share of activations near zero", kRange});
}

void ActivationStats::dead_chart(const std::string& path) const {
  plot::write_png(path, dead_chart());
}

plot::Canvas ActivationStats::plot_stats() const {
  std::vector<plot::StatsSeries> series;
  for (std::size_t i = 0; i < hooks().size(); ++i)
    series.push_back({label(i), hooks()[i].state().means, hooks()[i].state().stds});
  return plot::plot_stats(series, "Activations over time");
}

void ActivationStats::plot_stats(const std::string& path) const {
  plot::write_png(path, plot_stats());
}

}  // namespace kindling
