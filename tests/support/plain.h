#pragma once

#include <functional>
#include <string>
#include <vector>

#include "engine/array.h"
#include "engine/random.h"

/// Numbers without an engine: what oracles compute with, always in double, one index at a time.
namespace kindling::test {

using Shapes = std::vector<Shape>;
using Position = std::vector<Index>;  ///< One index per axis.

struct Plain {
  Shape shape;
  std::vector<double> values;

  double at(const Position& position) const { return values[flat(position)]; }
  double& at(const Position& position) { return values[flat(position)]; }
  std::size_t flat(const Position& position) const;
  double operator[](Index i) const { return values[static_cast<std::size_t>(i)]; }
};

/// Calls visit for every position of a shape, in row-major order.
void each_position(const Shape& shape, const std::function<void(const Position&)>& visit);
/// The array whose element at each position is element(position).
Plain build(const Shape& shape, const std::function<double(const Position&)>& element);

Plain to_plain(const Array& array);
std::vector<Plain> to_plain(const std::vector<Array>& arrays);
Array to_array(const Plain& plain);

/// Where random inputs are drawn from.
struct Domain {
  double low = -2, high = 2;
  std::vector<double> kinks = {};  ///< Points the inputs stay away from, by at least gap.
  double gap = 0.05;
  bool distinct = false;  ///< No two elements closer than gap: there is one clear maximum.
};
Array draw(const Shape& shape, const Domain& domain, Random& random);
std::vector<Array> draw(const Shapes& shapes, const Domain& domain, Random& random);
/// Whole numbers in [-limit, limit]: sums of their products are exact.
Array draw_integers(const Shape& shape, int limit, Random& random);

/// Empty when got is want, up to |got - want| <= tolerance * (1 + |want|), a NaN being like any
/// other NaN; otherwise the worst place.
std::string difference(const Array& got, const Plain& want, double tolerance);
/// The same shape and the same bits.
bool same_bits(const Array& a, const Array& b);
std::string names(const Shapes& shapes);
std::string names(const std::vector<Array>& arrays);

}  // namespace kindling::test
