#include "engine/archive.h"

#include <limits>

namespace kindling {

void Archive::operator()(const std::string& name, int& value) {
  std::int64_t wide = value;
  (*this)(name, wide);
  using Limits = std::numeric_limits<int>;
  expect(wide >= Limits::min() && wide <= Limits::max(), name, str("an int, got ", wide));
  value = static_cast<int>(wide);
}

}  // namespace kindling
