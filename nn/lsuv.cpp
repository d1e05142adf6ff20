#include "nn/lsuv.h"

#include <cmath>

#include "engine/error.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/reduce.h"
#include "engine/tape.h"
#include "nn/hooks.h"
#include "nn/layers.h"
#include "nn/modes.h"

namespace kindling::nn {

namespace {

/// A layer that has weights, and the module whose output is to have mean 0 and deviation 1.
struct Measured {
  std::string path;
  Tensor weight, bias;
  Module* at;
};

bool can_have_mean_0(Module& module) {
  const auto* act = dynamic_cast<GeneralRelu*>(&module);
  return act && act->sub() > 0;
}

/// In the order in which the model runs them, for the batch x.
std::vector<Measured> layers_of(Module& model, const Tensor& x) {
  std::vector<Measured> layers;
  const Module* latest = nullptr;  // of those without children, that ran
  const auto visit = [&](const std::string& path, Module& module) {
    if (const auto* conv = dynamic_cast<Conv2d*>(&module))
      layers.push_back({path, conv->weight, conv->bias, &module});
    else if (const auto* linear = dynamic_cast<Linear*>(&module))
      layers.push_back({path, linear->weight, linear->bias, &module});
    else if (!layers.empty() && layers.back().at == latest && can_have_mean_0(module))
      layers.back().at = &module;
    latest = &module;
  };
  std::vector<HookHandle> hooks;
  for (const auto& named : model.named_modules())
    if (named.second->children().empty())
      hooks.push_back(named.second->register_forward_hook(
          [&visit, path = named.first](Module& m, const Tensor&, const Tensor&) {
            visit(path, m);
          }));
  model(x);
  return layers;
}

struct Spread {
  double mean, std;
};

}  // namespace

std::vector<LsuvLayer> lsuv(Module& model, const Tensor& x, LsuvOptions options) {
  check<Error>(options.tolerance > 0 && options.most_passes > 0, "lsuv", "tolerance ",
               options.tolerance, ", most_passes ", options.most_passes,
               ": positive numbers expected");
  const NoGrad no_grad;
  const Modes modes(model);
  model.eval();  // nothing is dropped, and no statistics are gathered
  std::vector<Measured> layers = layers_of(model, x);
  if (!options.head && !layers.empty()) layers.pop_back();
  std::vector<LsuvLayer> report;
  for (Measured& layer : layers) {
    Hook<Spread> seen(*layer.at, [](Spread& spread, Module&, const Tensor&, const Tensor& y) {
      spread = {mean(y).item(), stddev(y, {}, 0).item()};
    });
    const auto far = [&] {
      return std::abs(seen->std - 1) > options.tolerance ||
             (layer.bias.defined() && std::abs(seen->mean) > options.tolerance);
    };
    model(x);
    LsuvLayer entry{layer.path, seen->mean, seen->std, 0, 0, 0};
    while (entry.passes < options.most_passes && far() && seen->std > 0 &&
           std::isfinite(seen->std)) {
      // At the layer itself that is exact; behind an activation it comes nearer every time.
      const auto mean = static_cast<Scalar>(seen->mean), std = static_cast<Scalar>(seen->std);
      if (layer.bias.defined()) layer.bias.set_value(((layer.bias - mean) / std).value());
      layer.weight.set_value((layer.weight / std).value());
      model(x);
      ++entry.passes;
    }
    entry.mean = seen->mean;
    entry.std = seen->std;
    report.push_back(entry);
  }
  return report;
}

}  // namespace kindling::nn
