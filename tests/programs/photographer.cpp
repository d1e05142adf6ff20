// Makes photos of test images of Fashion-MNIST: larger, with a margin, before a light and a dark
// background, a little noisy, as PNG and as JPEG. Of every class the image of which the model is
// surest that it shows it, if it is sure at all. Prints a line a photo: its file, a tab, and what
// the model says of the image itself.
//
//     photographer RECIPE WEIGHTS FOLDER

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <exception>
#include <numeric>
#include <string>
#include <vector>

#include "engine/error.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/loss.h"
#include "engine/random.h"
#include "engine/tape.h"
#include "learner/examples/fashion_mnist/recipes.h"
#include "learner/files/checkpoint.h"
#include "learner/files/state_dict.h"
#include "tests/support/stb_write.h"

using namespace kindling;

namespace {

constexpr int kSide = 28, kTimes = 10, kMargin = 40, kWidth = kSide * kTimes + 2 * kMargin;
constexpr Index kImages = 1000;  // that are looked at
constexpr double kSure = 0.9;

/// A piece that is light before black becomes one before this shade, as far from it as can be.
std::vector<unsigned char> photo_of(const ByteArray& images, Index row, int shade, Random& random) {
  const Array noise = random.uniform(Shape{kWidth * kWidth}, -3, 4);
  std::vector<unsigned char> pixels;
  for (int y = 0; y < kWidth; ++y)
    for (int x = 0; x < kWidth; ++x) {
      const int column = (x - kMargin + kTimes) / kTimes - 1,
                line = (y - kMargin + kTimes) / kTimes - 1;
      const bool inside = column >= 0 && column < kSide && line >= 0 && line < kSide;
      const int light = inside ? images.data()[(row * kSide + line) * kSide + column] : 0;
      const int value =
          shade > 127 ? shade - light * shade / 255 : shade + light * (255 - shade) / 255;
      const int noisy = value + static_cast<int>(std::floor(noise.data()[y * kWidth + x]));
      pixels.push_back(static_cast<unsigned char>(std::clamp(noisy, 0, 255)));
    }
  return pixels;
}

void take_photos(const std::string& recipe, const char* weights, const std::string& folder) {
  Recipe made = find_recipe(recipe).make();
  load_state_dict(*made.model, read_weights(weights));
  made.model->eval();
  const FashionMnist data = load_fashion_mnist({}, made.normalize);
  std::vector<Index> rows(static_cast<std::size_t>(std::min(kImages, data.test.size())));
  std::iota(rows.begin(), rows.end(), Index{0});
  const NoGrad no_grad;
  const Array sure = exp(log_softmax((*made.model)(data.test.batch(rows).xs[0]))).value();
  Random random(1);
  for (Index c = 0; c < sure.dim(1); ++c) {
    Index surest = 0;
    for (Index row = 0; row < sure.dim(0); ++row)
      if (sure.data()[row * sure.dim(1) + c] > sure.data()[surest * sure.dim(1) + c]) surest = row;
    if (sure.data()[surest * sure.dim(1) + c] < kSure) continue;
    for (const int shade : {235, 20}) {
      const std::vector<unsigned char> pixels = photo_of(data.test.images(), surest, shade, random);
      const std::string name = str(folder, "/", c, "-", shade);
      const bool written =
          stbi_write_png((name + ".png").c_str(), kWidth, kWidth, 1, pixels.data(), 0) &&
          stbi_write_jpg((name + ".jpg").c_str(), kWidth, kWidth, 1, pixels.data(), 90);
      check<Error>(written, "photographer", "cannot write ", name);
      for (const char* kind : {"png", "jpg"})
        std::printf("%s.%s\t%s\n", name.c_str(), kind,
                    data.test.classes()[static_cast<std::size_t>(c)].c_str());
    }
  }
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 4) return std::fprintf(stderr, "usage: photographer RECIPE WEIGHTS FOLDER\n"), 2;
  take_photos(argv[1], argv[2], argv[3]);
  return 0;
} catch (const std::exception& error) {
  return std::fprintf(stderr, "photographer: %s\n", error.what()), 1;
}
