#pragma once

#include <cmath>
#include <filesystem>
#include <fstream>

#include "engine/error.h"
#include "engine/random.h"

namespace kindling {

/// Makes a table as load_csv() reads it: columns x, y and arm, `n` points on each of three spiral
/// arms that wind about each other. Throws Error when it cannot be written.
inline void write_spirals(const std::filesystem::path& path, int n, std::uint64_t seed = 1) {
  Random random(seed);
  std::ofstream file(path);
  file << "x,y,arm\n";
  double turn = 0;
  for (const char* const arm : {"first", "second", "third"}) {
    for (int i = 0; i < n; ++i) {
      const Array u = random.uniform(Shape{1}), noise = random.normal(Shape{2}, 0, Scalar(0.25));
      const double radius = 1 + 9 * u[0], angle = turn + 0.8 * radius;
      file << radius * std::cos(angle) + noise[0] << ',' << radius * std::sin(angle) + noise[1]
           << ',' << arm << '\n';
    }
    turn += 2.1;
  }
  check<Error>(bool(file.flush()), "spirals", "cannot write ", path);
}

}  // namespace kindling
