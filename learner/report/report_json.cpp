// What the page is told; report.js reads it.
#include <charconv>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "engine/error.h"
#include "learner/plot/colormap.h"
#include "learner/plot/smoothing.h"
#include "learner/report/base64.h"
#include "learner/report/report.h"
#include "learner/report/thin.h"

namespace kindling {

namespace {

using nlohmann::json;

constexpr std::size_t kPixelColumns = 600;  // of a curve: as many as a wide screen gives it
constexpr double kSmoothing = 0.9;          // of the trend in the losses

/// To six digits, which is more than a picture shows. JSON has no NaN: null is a gap.
json number_or_null(double value) {
  if (!std::isfinite(value)) return nullptr;
  if (value == std::floor(value) && std::abs(value) < 1e15) return static_cast<std::int64_t>(value);
  char text[40];
  const auto end = std::to_chars(text, text + sizeof text, value, std::chars_format::general, 6);
  std::from_chars(text, end.ptr, value);
  return value;
}

json numbers(const std::vector<double>& values) {
  json::array_t list;
  list.reserve(values.size());
  for (const double value : values) list.push_back(number_or_null(value));
  return list;
}

/// Value i is of batch i + 1.
json curve(const std::vector<double>& values) {
  json x = json::array(), y = json::array();
  for (const std::size_t i : thinned(values, kPixelColumns)) {
    x.push_back(i + 1);
    y.push_back(number_or_null(values[i]));
  }
  return {{"x", std::move(x)}, {"y", std::move(y)}};
}

json passes(const Report& report) {
  json list = json::array();
  for (const Report::Pass& pass : report.passes) {
    check<Error>(pass.values.size() == report.measures.size(), "report", "a pass of ",
                 pass.values.size(), " values: ", report.measures.size(), " expected");
    list.push_back({{"epoch", pass.epoch},
                    {"train", pass.train},
                    {"batches", number_or_null(pass.batches)},
                    {"values", numbers(pass.values)},
                    {"seconds", number_or_null(pass.seconds)}});
  }
  return list;
}

/// Some of the histograms, each of one batch. (A mean over several would show what no batch was.)
json histograms(const plot::HistogramPanel& panel) {
  for (const std::vector<double>& bins : panel.histograms)
    check<Error>(!bins.empty() && bins.size() == panel.histograms[0].size(), "report", panel.name,
                 ": a histogram of ", bins.size(), " bins behind one of ",
                 panel.histograms[0].size());
  json batches = json::array(), counts = json::array();
  for (const std::size_t i : evenly_spaced(panel.histograms.size(), kColumns)) {
    batches.push_back(i + 1);
    counts.push_back(numbers(panel.histograms[i]));
  }
  return {{"name", panel.name},
          {"batches", std::move(batches)},
          {"counts", std::move(counts)},
          {"dead", curve(plot::lowest_bin_share(panel))}};
}

json confusion(const Report& report) {
  const std::size_t n = report.classes.size();
  if (report.confusion.empty()) return json::array();
  check<Error>(report.confusion.size() == n * n, "report", report.confusion.size(),
               " counts: ", n * n, " expected, for ", n, " classes");
  json rows = json::array();
  for (auto row = report.confusion.begin(); row != report.confusion.end();
       row += static_cast<std::ptrdiff_t>(n))
    rows.push_back(numbers({row, row + static_cast<std::ptrdiff_t>(n)}));
  return rows;
}

json examples(const std::vector<Report::Example>& all) {
  json list = json::array();
  for (const Report::Example& example : all) {
    const plot::Image& image = example.image;
    const double size = 1.0 * image.height * image.width * image.channels;
    check<Error>(image.height > 0 && image.width > 0 &&
                     (image.channels == 1 || image.channels == 3) &&
                     size == static_cast<double>(image.pixels.size()),
                 "report", "an image of ", image.height, " x ", image.width, " x ", image.channels,
                 " with ", image.pixels.size(), " values");
    list.push_back({{"height", image.height},
                    {"width", image.width},
                    {"channels", image.channels},
                    {"pixels", base64(image.pixels)},
                    {"truth", example.truth},
                    {"guess", example.guess},
                    {"confidence", number_or_null(example.confidence)}});
  }
  return list;
}

json layers(const Report& report) {
  json list = json::array();
  for (const Report::Layer& layer : report.layers)
    list.push_back({{"path", layer.path},
                    {"type", layer.type},
                    {"output", layer.output},
                    {"parameters", number_or_null(layer.parameters)},
                    {"multiply_adds", number_or_null(layer.multiply_adds)},
                    {"seconds", number_or_null(layer.seconds)}});
  return list;
}

/// The colours of color_dim.png from none to most, as "rrggbb" one behind the other.
std::string colors() {
  std::string all;
  for (int i = 0; i < 256; ++i) {
    const plot::Color color = plot::map_color(plot::Colormap::aurora, i / 255.0);
    char text[8];
    std::snprintf(text, sizeof text, "%02x%02x%02x", color.r, color.g, color.b);
    all += text;
  }
  return all;
}

}  // namespace

std::string report_json(const Report& report) {
  json page{{"title", report.title},
            {"ending", report.ending},
            {"running", report.running},
            {"settings", json::array()},
            {"batches", report.losses.size()},
            {"losses", curve(report.losses)},
            {"trend", curve(plot::smoothed(report.losses, kSmoothing))},
            {"rates", curve(report.rates)},
            {"measures", report.measures},
            {"passes", passes(report)},
            {"max_activation", number_or_null(report.max_activation)},
            {"histograms", json::array()},
            {"stats", json::array()},
            {"updates", json::array()},
            {"classes", report.classes},
            {"confusion", confusion(report)},
            {"worst", examples(report.worst)},
            {"best", examples(report.best)},
            {"layers", layers(report)},
            {"colors", colors()}};
  for (const auto& [name, value] : report.settings)
    page["settings"].push_back(json::array({name, value}));
  for (const plot::HistogramPanel& panel : report.histograms)
    page["histograms"].push_back(histograms(panel));
  for (const plot::StatsSeries& line : report.stats)
    page["stats"].push_back(
        {{"name", line.name}, {"means", curve(line.means)}, {"stds", curve(line.stds)}});
  for (const plot::UpdateSeries& line : report.updates)
    page["updates"].push_back({{"name", line.name},
                               {"gradients", curve(line.gradients)},
                               {"ratios", curve(line.ratios)}});
  return page.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace kindling
