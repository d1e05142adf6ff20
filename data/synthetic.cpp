#include "data/synthetic.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>
#include <utility>
#include <vector>

#include "engine/error.h"
#include "engine/random.h"

namespace kindling {

namespace {

constexpr double kPi = std::numbers::pi;

/// Draws one image (H, W, C): two periods of a sine wave across it, in the direction `angle`.
void draw_stripes(double angle, double phase, const Array& noise, std::uint8_t* out) {
  const Index height = noise.dim(0), width = noise.dim(1), channels = noise.dim(2);
  for (Index i = 0; i < noise.size(); ++i) {
    const double row = static_cast<double>(i / channels / width) / height;
    const double col = static_cast<double>(i / channels % width) / width;
    const double wave = std::sin(4 * kPi * (col * std::cos(angle) + row * std::sin(angle)) + phase);
    const double value = 0.5 + 0.25 * wave + noise[i];
    out[i] = static_cast<std::uint8_t>(std::lround(255 * std::clamp(value, 0.0, 1.0)));
  }
}

}  // namespace

ImageDataset synthetic_images(Index n, int classes, std::uint64_t seed,
                              const SyntheticOptions& options) {
  const auto [height, width, channels, noise, normalize] = options;
  check<Error>(n >= 0 && classes >= 1, "synthetic_images", n, " images of ", classes,
               " classes: at least 0 and 1 expected");
  check<Error>(height >= 1 && width >= 1 && channels >= 1, "synthetic_images", "images of (",
               height, ",", width, ",", channels, "): at least 1 expected everywhere");
  check<Error>(std::isfinite(noise) && noise >= 0, "synthetic_images", "noise of ", noise);

  // A stream of its own: set_seed() with the same number starts the one that weights are drawn
  // from.
  Random random(seed ^ 0x5359'4e54'4845'5449);
  const std::vector<Index> order = random.permutation(n);
  const Array phases = random.uniform(Shape{n}, Scalar(-kPi / 4), Scalar(kPi / 4));
  ByteArray images(Shape{n, height, width, channels});
  IntArray labels(Shape{n});
  for (Index i = 0; i < n; ++i) {
    const auto label = static_cast<std::int32_t>(order[static_cast<std::size_t>(i)] % classes);
    labels.data()[i] = label;
    draw_stripes(kPi * label / classes, phases[i],
                 random.normal(Shape{height, width, channels}, 0, noise),
                 images.data() + i * height * width * channels);
  }
  std::vector<std::string> names;
  for (int i = 0; i < classes; ++i) names.push_back(std::to_string(i));
  return ImageDataset(std::move(images), std::move(labels), std::move(names), normalize);
}

}  // namespace kindling
