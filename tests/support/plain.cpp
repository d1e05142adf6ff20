#include "tests/support/plain.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "engine/error.h"

namespace kindling::test {

std::size_t Plain::flat(const Position& position) const {
  const auto dims = shape.dims();
  Index at = 0;
  for (std::size_t axis = 0; axis < dims.size(); ++axis) at = at * dims[axis] + position[axis];
  return static_cast<std::size_t>(at);
}

void each_position(const Shape& shape, const std::function<void(const Position&)>& visit) {
  const auto dims = shape.dims();
  Position position(dims.size(), 0);
  for (Index i = 0; i < shape.size(); ++i) {
    visit(position);
    for (std::size_t axis = dims.size(); axis-- > 0;) {  // one further, with carry
      if (++position[axis] < dims[axis]) break;
      position[axis] = 0;
    }
  }
}

Plain build(const Shape& shape, const std::function<double(const Position&)>& element) {
  Plain result{shape, {}};
  each_position(shape, [&](const Position& p) { result.values.push_back(element(p)); });
  return result;
}

Plain to_plain(const Array& array) {
  return {array.shape(), {array.values().begin(), array.values().end()}};
}

std::vector<Plain> to_plain(const std::vector<Array>& arrays) {
  std::vector<Plain> result;
  for (const Array& array : arrays) result.push_back(to_plain(array));
  return result;
}

Array to_array(const Plain& plain) {
  Array result(plain.shape);
  std::transform(plain.values.begin(), plain.values.end(), result.data(),
                 [](double value) { return static_cast<Scalar>(value); });
  return result;
}

Array draw(const Shape& shape, const Domain& domain, Random& random) {
  Array result =
      random.uniform(shape, static_cast<Scalar>(domain.low), static_cast<Scalar>(domain.high));
  Scalar* values = result.data();
  if (domain.distinct) {
    const auto order = random.permutation(shape.size());
    for (Index i = 0; i < shape.size(); ++i)
      values[i] =
          static_cast<Scalar>(domain.gap * static_cast<double>(order[i] - shape.size() / 2));
  }
  for (Index i = 0; i < shape.size(); ++i)
    for (const double kink : domain.kinks)
      if (std::abs(values[i] - kink) < domain.gap)
        values[i] =
            static_cast<Scalar>(values[i] < kink ? kink - 2 * domain.gap : kink + 2 * domain.gap);
  return result;
}

std::vector<Array> draw(const Shapes& shapes, const Domain& domain, Random& random) {
  std::vector<Array> result;
  for (const Shape& shape : shapes) result.push_back(draw(shape, domain, random));
  return result;
}

Array draw_integers(const Shape& shape, int limit, Random& random) {
  Array result = random.uniform(shape, 0, static_cast<Scalar>(2 * limit + 1));
  Scalar* values = result.data();
  for (Index i = 0; i < shape.size(); ++i)
    values[i] = std::floor(values[i]) - static_cast<Scalar>(limit);
  return result;
}

std::string difference(const Array& got, const Plain& want, double tolerance) {
  if (!got.defined()) return "undefined, expected " + want.shape.to_string();
  if (got.shape() != want.shape) return str("shape ", got.shape(), ", expected ", want.shape);
  double worst = 0;
  std::string report;
  for (Index i = 0; i < got.size(); ++i) {
    const double a = got[i], b = want[i];
    if (a == b || (std::isnan(a) && std::isnan(b))) continue;
    const double excess = std::abs(a - b) - tolerance * (1 + std::abs(b));
    if (excess <= 0 || (!report.empty() && excess <= worst)) continue;
    worst = excess;
    std::ostringstream line;
    line.precision(12);
    line << got.shape() << " at " << i << ": " << a << ", expected " << b;
    report = line.str();
  }
  return report;
}

bool same_bits(const Array& a, const Array& b) {
  return a.defined() == b.defined() && a.shape() == b.shape() &&
         (!a.defined() || std::memcmp(a.data(), b.data(),
                                      static_cast<std::size_t>(a.size()) * sizeof(Scalar)) == 0);
}

std::string names(const Shapes& shapes) {
  std::string text;
  for (const Shape& shape : shapes) text += (text.empty() ? "" : " ") + shape.to_string();
  return text;
}

std::string names(const std::vector<Array>& arrays) {
  Shapes shapes;
  for (const Array& array : arrays) shapes.push_back(array.shape());
  return names(shapes);
}

}  // namespace kindling::test
