#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "learner/learner.h"

/// Weights and gradients as plain numbers.
namespace kindling::test {

/// All numbers of an array, and of all parameters.
inline std::vector<double> numbers(const Array& array) {
  return {array.data(), array.data() + array.size()};
}
inline std::vector<double> weights(const nn::Module& model) {
  std::vector<double> all;
  for (const Tensor& parameter : model.parameters())
    for (const double value : numbers(parameter.value())) all.push_back(value);
  return all;
}
inline std::vector<double> gradients(const Learner& learn) {
  std::vector<double> all;
  for (const Tensor& parameter : learn.opt->parameters())
    for (const double value : numbers(parameter.grad())) all.push_back(value);
  return all;
}

inline double norm(const std::vector<double>& numbers) {
  double square = 0;
  for (const double number : numbers) square += number * number;
  return std::sqrt(square);
}

inline double furthest(const std::vector<double>& a, const std::vector<double>& b) {
  REQUIRE(a.size() == b.size());
  double most = 0;
  for (std::size_t i = 0; i < a.size(); ++i) most = std::max(most, std::abs(a[i] - b[i]));
  return most;
}

}  // namespace kindling::test
