#pragma once

#include <array>
#include <filesystem>

#include "data/dataset.h"

namespace kindling {

/// Fashion-MNIST (Xiao, Rasul, Vollgraf 2017): 60,000 images to train on and 10,000 to test with,
/// 28 x 28 grey pixels, ten kinds of clothes.
struct FashionMnist {
  /// The names of the classes, by label.
  static constexpr std::array<const char*, 10> kClasses{
      "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
      "Sandal",      "Shirt",   "Sneaker",  "Bag",   "Ankle boot"};
  /// Mean and standard deviation of the training pixels on the scale [0, 1].
  static constexpr Normalize kNormalize{Scalar(0.2860), Scalar(0.3530)};

  /// Images (N,28,28,1), as many as the files have.
  /// @{
  ImageDataset train;
  ImageDataset test;
  /// @}
};

/// Reads the four files train-/t10k-images-idx3-ubyte and -labels-idx1-ubyte, each plain or with
/// .gz behind its name, from the first of these folders that has any of them:
///
///   1. `dir`; when it is given, nowhere else
///   2. $KINDLING_FASHION_MNIST
///   3. /usr/share/datasets/fashion-mnist, where Debian's package puts them
///   4. $XDG_CACHE_HOME/kindling/fashion-mnist, or ~/.cache/kindling/fashion-mnist
///
/// Throws Error that lists these places when there is nothing, and one that names the file when
/// it is not what it should be.
FashionMnist load_fashion_mnist(const std::filesystem::path& dir = {}, Normalize normalize = {});

}  // namespace kindling
