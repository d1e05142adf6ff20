#include "nn/param_groups.h"

#include <cmath>
#include <utility>

#include "engine/error.h"

namespace kindling::nn {

namespace {

/// A group with its vectors taken out, and a group of those, without decay.
std::vector<ParameterGroup> sorted(const ParameterGroup& group) {
  ParameterGroup matrices{{}, group.lr_scale}, vectors{{}, group.lr_scale, false};
  for (const Tensor& parameter : group.parameters)
    (parameter.rank() > 1 ? matrices : vectors).parameters.push_back(parameter);
  return {std::move(matrices), std::move(vectors)};
}

}  // namespace

Parameters no_decay_on_vectors(const Module& model) { return sorted({model.parameters()}); }

Parameters discriminative(const Module& model, double factor, bool decay_on_vectors) {
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
  if (decay_on_vectors) return groups;
  std::vector<ParameterGroup> parts;
  for (const ParameterGroup& group : groups)
    for (ParameterGroup& part : sorted(group)) parts.push_back(std::move(part));
  return parts;
}

void freeze(Module& model, bool frozen) {
  for (Tensor parameter : model.parameters()) parameter.set_requires_grad(!frozen);
}

}  // namespace kindling::nn
