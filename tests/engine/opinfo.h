#pragma once

#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "engine/engine.h"

/// PyTorch's own samples of its operators: what one is, and what we say to it.
namespace kindling::test {

using Json = nlohmann::json;

/// What an op is called with: tensors by name (the tensors of a list share one) and the rest.
struct Sample {
  std::vector<std::pair<std::string, Tensor>> inputs;
  Json args;

  Tensor operator[](const std::string& name) const {  // undefined where there is none
    for (const auto& [key, x] : inputs)
      if (key == name) return x;
    return {};
  }
  std::vector<Tensor> list() const {
    std::vector<Tensor> xs;
    for (const auto& [key, x] : inputs) xs.push_back(x);
    return xs;
  }
  template <class T>
  T get(const char* name, T otherwise) const {
    return args.value(name, otherwise);
  }
  template <class T = int>
  T get(const char* name) const {
    return args.at(name).get<T>();
  }
  /// A tensor or a number.
  Tensor operand(const char* name) const {
    return args.contains(name) ? Tensor(get<Scalar>(name)) : (*this)[name];
  }
  /// One axis, some, or none.
  Axes axes(const char* name = "dim") const {
    if (!args.contains(name)) return {};
    return args[name].is_array() ? args[name].get<Axes>() : Axes{get(name)};
  }
  /// Two numbers, or one for both; `otherwise` where there is none.
  Pair pair(const char* name, Pair otherwise) const {
    const Json json = args.value(name, Json::array());
    if (json.is_number()) return json.get<Index>();
    if (!json.is_array() || json.empty()) return otherwise;
    return {json.front().get<Index>(), json.back().get<Index>()};
  }
  IntArray integers(const char* name) const {
    const auto dims = args.at(name).at("shape").get<std::vector<Index>>();
    return {Shape(std::span<const Index>(dims)),
            args.at(name).at("values").get<std::vector<std::int32_t>>()};
  }
};

/// The op on a sample, from PyTorch's arguments and layouts to its output in PyTorch's layout.
using Formula = std::function<Tensor(const Sample&)>;
/// By the name that PyTorch's database has for the op.
using Table = std::map<std::string, Formula>;
Table opinfo_formulas();

}  // namespace kindling::test
