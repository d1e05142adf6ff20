#include "nn/param_groups.h"

#include <cmath>
#include <utility>

#include "engine/error.h"

namespace kindling::nn {

Parameters no_decay_on_vectors(const Module& model) {
  ParameterGroup matrices, vectors{{}, 1, false};
  for (const Tensor& parameter : model.parameters())
    (parameter.rank() > 1 ? matrices : vectors).parameters.push_back(parameter);
  return std::vector<ParameterGroup>{std::move(matrices), std::move(vectors)};
}

Parameters discriminative(const Module& model, double factor) {
  check<Error>(factor >= 0 && std::isfinite(factor), "discriminative", "factor ", factor,
               ": a finite number of at least 0 expected");
  std::vector<ParameterGroup> groups;
  std::size_t found = 0;
  for (const auto& [name, child] : model.children()) {
    groups.push_back({child->parameters()});
    found += groups.back().parameters.size();
  }
  const std::size_t all = model.parameters().size();
  check<Error>(
      found == all, "discriminative", all - found,
      " parameters of the model's own, in none of its children: they would not be trained");
  double scale = 1;
  for (auto group = groups.rbegin(); group != groups.rend(); ++group) {
    if (group->parameters.empty()) continue;  // an activation is no layer of its own
    group->lr_scale = scale;
    scale *= factor;
  }
  return groups;
}

void freeze(Module& model, bool frozen) {
  for (Tensor parameter : model.parameters()) parameter.set_requires_grad(!frozen);
}

}  // namespace kindling::nn
