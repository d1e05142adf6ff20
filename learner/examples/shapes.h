#pragma once

#include <cmath>
#include <filesystem>
#include <numbers>
#include <string>
#include <vector>

#include "engine/random.h"
#include "learner/plot/png.h"

namespace kindling {

/// Makes a folder of images as load_image_folder() reads it: `n` outlines each of circles, squares
/// and triangles, 28 x 28 pixels, of any size, place and direction. The folder must not be there
/// yet, and then is there whole: they are drawn into another one beside it, which may be left of a
/// drawing that was interrupted. Throws std::runtime_error when it cannot be written.
inline void draw_shapes(const std::filesystem::path& folder, int n, std::uint64_t seed = 1) {
  const std::filesystem::path unfinished = folder.string() + ".tmp";
  std::filesystem::remove_all(unfinished);
  Random random(seed);
  for (const auto& [name, corners] : {std::pair{"circle", 40}, {"square", 4}, {"triangle", 3}}) {
    std::filesystem::create_directories(unfinished / name);
    for (int i = 0; i < n; ++i) {
      const Array u = random.uniform(Shape{4});
      const double radius = 5 + 6 * u[0], x = 12 + 4 * u[1], y = 12 + 4 * u[2];
      std::vector<plot::Point> outline;
      for (int k = 0; k <= corners; ++k) {
        const double angle = 2 * std::numbers::pi * (u[3] + static_cast<double>(k) / corners);
        outline.push_back({x + radius * std::cos(angle), y + radius * std::sin(angle)});
      }
      plot::Canvas canvas(28, 28, 1);
      canvas.polyline(outline, {plot::kInk, 1.5});
      plot::write_png(unfinished / name / (std::to_string(i) + ".png"), canvas);
    }
  }
  std::filesystem::rename(unfinished, folder);
}

}  // namespace kindling
