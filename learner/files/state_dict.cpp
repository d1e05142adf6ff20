#include "learner/files/state_dict.h"

#include <map>
#include <set>

#include "engine/error.h"
#include "engine/ops/layout.h"
#include "nn/layers.h"

namespace kindling {

inline namespace KINDLING_PRECISION {

namespace {

/// A number of a model's state, and how its axes lie in a file.
struct Slot {
  std::string name;
  Tensor tensor;
  Axes to_file, from_file;  ///< Empty where nothing moves.

  Array in_file() const { return moved(tensor.value(), to_file); }
  Array from(const Array& array) const { return moved(array, from_file); }
  Shape shape_in_file() const {
    const Shape& shape = tensor.shape();
    if (to_file.empty()) return shape;
    Shape moved = shape;
    for (int i = 0; i < shape.rank(); ++i) moved = moved.with(i, shape[to_file[i]]);
    return moved;
  }

 private:
  static Array moved(const Array& array, const Axes& order) {
    return order.empty() ? array : permute(Tensor(array), order).value();
  }
};

std::vector<Slot> slots_of(nn::Module& model) {
  std::set<std::string> convs, linears;
  for (const auto& [path, module] : model.named_modules()) {
    const std::string weight = path.empty() ? "weight" : path + ".weight";
    if (dynamic_cast<nn::Conv2d*>(module)) convs.insert(weight);
    if (dynamic_cast<nn::Linear*>(module)) linears.insert(weight);
  }
  std::vector<Slot> slots;
  const auto add = [&](const nn::Named<Tensor>& named) {
    Slot slot{named.first, named.second, {}, {}};
    if (convs.contains(slot.name)) slot.to_file = {3, 2, 0, 1}, slot.from_file = {2, 3, 1, 0};
    if (linears.contains(slot.name)) slot.to_file = slot.from_file = {1, 0};
    slots.push_back(std::move(slot));
  };
  for (const auto& named : model.named_parameters()) add(named);
  for (const auto& named : model.named_buffers()) add(named);
  return slots;
}

bool may_be_missing(const std::string& name) {
  const std::string counter = "num_batches_tracked";
  return name == counter || name.ends_with("." + counter);
}

}  // namespace

NamedArrays state_dict(nn::Module& model) {
  NamedArrays state;
  for (const Slot& slot : slots_of(model)) state.arrays.emplace_back(slot.name, slot.in_file());
  return state;
}

void load_state_dict(nn::Module& model, const NamedArrays& state) {
  std::map<std::string, const Array*> given;
  for (const auto& [name, array] : state.arrays) given[name] = &array;
  std::vector<Slot> slots = slots_of(model);
  std::string missing, unexpected, differs;
  const auto list = [](std::string& names, const std::string& name) {
    names += (names.empty() ? "" : ", ") + name;
  };
  for (const Slot& slot : slots) {
    const auto found = given.find(slot.name);
    if (found == given.end()) {
      if (!may_be_missing(slot.name)) list(missing, slot.name);
    } else if (found->second->shape() != slot.shape_in_file()) {
      list(differs, str(slot.name, " ", slot.shape_in_file(), ", got ", found->second->shape()));
    }
  }
  std::set<std::string> known;
  for (const Slot& slot : slots) known.insert(slot.name);
  for (const auto& [name, array] : state.arrays)
    if (!known.contains(name)) list(unexpected, name);
  std::string trouble;
  const auto say = [&](const char* what, const std::string& names) {
    if (!names.empty()) trouble += str(trouble.empty() ? "" : "; ", what, names);
  };
  say("missing: ", missing);
  say("unexpected: ", unexpected);
  say("other shapes: ", differs);
  check<Error>(trouble.empty(), "load_state_dict", trouble);

  // Everything that can fail is done before the first tensor changes.
  std::vector<Array> values;
  for (const Slot& slot : slots) {
    const auto found = given.find(slot.name);
    values.push_back(found == given.end() ? slot.tensor.value() : slot.from(*found->second));
  }
  for (std::size_t i = 0; i < slots.size(); ++i) slots[i].tensor.set_value(std::move(values[i]));
}

}  // namespace KINDLING_PRECISION

}  // namespace kindling
