#include "nn/summary.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <map>
#include <set>

#include "engine/error.h"
#include "engine/tape.h"
#include "nn/layers.h"
#include "nn/modes.h"

namespace kindling::nn {

namespace {

using Clock = std::chrono::steady_clock;

/// The weight is used once for every place of the output.
double multiply_adds(const Module& module, const Shape& output) {
  const Tensor weight = weights_of(module).weight;
  if (!weight.defined() || output[0] == 0) return 0;
  double places = 1;  // of a row of the batch: all axes but the first and the last
  for (int axis = 1; axis + 1 < output.rank(); ++axis) places *= static_cast<double>(output[axis]);
  return places * static_cast<double>(weight.size());
}

/// 1228908 -> "1,228,908".
std::string with_commas(Index number) {
  std::string digits = std::to_string(number);
  for (auto at = std::ssize(digits) - 3; at > 0; at -= 3)
    digits.insert(static_cast<std::size_t>(at), ",");
  return digits;
}

std::string fixed(double number, int decimals) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", decimals, number);
  return text;
}

}  // namespace

std::vector<LayerSummary> summarize(Module& model, const Tensor& x, int runs) {
  check<Error>(runs >= 1, "summarize", runs, " runs: at least one expected");
  const NoGrad no_grad;
  const Modes modes(model);
  model.eval();
  std::vector<LayerSummary> layers, latest;
  std::map<const Module*, Clock::time_point> began;
  std::set<const Module*> counted;
  std::vector<HookHandle> hooks;
  for (const auto& named : model.named_modules()) {
    Module& module = *named.second;
    if (!module.children().empty()) continue;
    hooks.push_back(module.register_forward_pre_hook([&](Module& m, const Tensor& in) {
      in.value();  // is computed, if it was not yet
      began[&m] = Clock::now();
    }));
    hooks.push_back(module.register_forward_hook(
        [&, path = named.first](Module& m, const Tensor&, const Tensor& y) {
          const Shape& shape = y.value().shape();
          LayerSummary layer{path,
                             m.type() + "(" + m.extra() + ")",
                             shape,
                             0,
                             multiply_adds(m, shape),
                             std::chrono::duration<double>(Clock::now() - began[&m]).count()};
          if (counted.insert(&m).second)
            for (const Tensor& parameter : m.parameters()) layer.parameters += parameter.size();
          latest.push_back(std::move(layer));
        }));
  }
  for (int run = 0; run < runs; ++run) {
    latest.clear();
    counted.clear();
    model(x);
    if (run == 0) layers = latest;
    for (std::size_t i = 0; i < std::min(layers.size(), latest.size()); ++i)
      layers[i].seconds = std::min(layers[i].seconds, latest[i].seconds);
  }
  return layers;
}

std::string summary_table(const std::vector<LayerSummary>& layers) {
  std::vector<std::vector<std::string>> rows = {
      {"module", "", "output", "parameters", "M multiply-adds", "ms"}};
  LayerSummary all;
  for (const LayerSummary& layer : layers) {
    rows.push_back({layer.path, layer.type, str(layer.output), with_commas(layer.parameters),
                    layer.multiply_adds > 0 ? fixed(layer.multiply_adds / 1e6, 3) : "",
                    fixed(layer.seconds * 1e3, 2)});
    all.parameters += layer.parameters;
    all.multiply_adds += layer.multiply_adds;
    all.seconds += layer.seconds;
  }
  rows.push_back({"all", "", "", with_commas(all.parameters), fixed(all.multiply_adds / 1e6, 3),
                  fixed(all.seconds * 1e3, 2)});

  std::vector<std::size_t> widths(rows[0].size(), 0);
  for (const auto& row : rows)
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  std::string table;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string space(widths[i] - row[i].size(), ' ');
      line += (i == 0 ? "" : "  ") + (i < 3 ? row[i] + space : space + row[i]);  // numbers: right
    }
    table += line + "\n";
  }
  return table;
}

}  // namespace kindling::nn
