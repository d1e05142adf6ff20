#include "nn/lsuv.h"

#include <cmath>
#include <map>

#include "engine/error.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/reduce.h"
#include "engine/tape.h"
#include "nn/hooks.h"
#include "nn/modes.h"

namespace kindling::nn {

namespace {

/// A layer that has weights, and where its outputs are to have mean 0 and deviation 1.
struct Measured {
  std::string path;
  Module* layer;
  Tensor weight, bias;
  Module* at;
  int call;  ///< Which call of `at` in a pass: it may run several times.
};

bool can_have_mean_0(Module& module) {
  const auto* act = dynamic_cast<GeneralRelu*>(&module);
  return act && act->sub() > 0;
}

/// In the order in which the model first runs them, for the batch x.
std::vector<Measured> layers_of(Module& model, const Tensor& x, const LsuvOptions& options) {
  std::vector<Measured> layers;
  std::map<const Module*, int> calls;
  const Module* last = nullptr;  // of those with weights, that ran
  bool fresh = false;            // the newest of `layers` ran just now
  const auto visit = [&](const std::string& path, Module& module) {
    const int call = calls[&module]++;
    const Weights own = options.weights(module);
    if (own.weight.defined()) last = &module;
    if (fresh && can_have_mean_0(module)) {
      layers.back().at = &module;
      layers.back().call = call;
    }
    fresh = own.weight.defined() && call == 0;
    if (fresh) layers.push_back({path, &module, own.weight, own.bias, &module, call});
  };
  std::vector<HookHandle> hooks;
  for (const auto& named : model.named_modules())
    if (named.second->children().empty() || options.weights(*named.second).weight.defined())
      hooks.push_back(named.second->register_forward_hook(
          [&visit, path = named.first](Module& m, const Tensor&, const Tensor&) {
            visit(path, m);
          }));
  model(x);
  if (!options.head) std::erase_if(layers, [&](const Measured& m) { return m.layer == last; });
  return layers;
}

struct Spread {
  int calls = 0;
  double mean = 0, std = 0;
};

/// Corrects one layer, and measures it once more after each correction.
LsuvLayer correct(Module& model, const Tensor& x, Measured& layer, const LsuvOptions& options) {
  Hook<Spread> seen(*layer.at, [&](Spread& spread, Module&, const Tensor&, const Tensor& y) {
    if (spread.calls++ == layer.call)
      spread.mean = mean(y).item(), spread.std = stddev(y, {}, 0).item();
  });
  const auto measure = [&] {
    seen->calls = 0;
    model(x);
  };
  const auto far = [&] {
    return std::abs(seen->std - 1) > options.tolerance ||
           (layer.bias.defined() && std::abs(seen->mean) > options.tolerance);
  };
  measure();
  LsuvLayer entry{layer.path, seen->mean, seen->std, 0, 0, 0};
  while (entry.passes < options.most_passes && far() && seen->std > 0 && std::isfinite(seen->std)) {
    // At the layer itself that is exact; behind an activation it comes nearer every time.
    const auto mean = static_cast<Scalar>(seen->mean), std = static_cast<Scalar>(seen->std);
    if (layer.bias.defined()) layer.bias.set_value(((layer.bias - mean) / std).value());
    layer.weight.set_value((layer.weight / std).value());
    measure();
    ++entry.passes;
  }
  entry.mean = seen->mean;
  entry.std = seen->std;
  return entry;
}

}  // namespace

std::vector<LsuvLayer> lsuv(Module& model, const Tensor& x, LsuvOptions options) {
  check<Error>(options.tolerance > 0 && options.most_passes > 0, "lsuv", "tolerance ",
               options.tolerance, ", most_passes ", options.most_passes,
               ": positive numbers expected");
  check<Error>(options.weights != nullptr, "lsuv", "weights is empty: a function expected");
  const NoGrad no_grad;
  const Modes modes(model);
  model.eval();  // nothing is dropped, and no statistics are gathered
  std::vector<LsuvLayer> report;
  for (Measured& layer : layers_of(model, x, options))
    report.push_back(correct(model, x, layer, options));
  return report;
}

}  // namespace kindling::nn
