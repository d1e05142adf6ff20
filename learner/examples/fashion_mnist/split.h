#pragma once

#include <filesystem>

#include "data/fashion_mnist.h"

namespace kindling {

/// Fashion-MNIST, what of it is trained on, and what judges.
struct FashionSplit {
  FashionMnist all;
  Subset train, valid;

  /// The last `hold_out` training images judge, or for 0 the test images. Throws Error when none
  /// would be left to train on, and what load_fashion_mnist() throws.
  FashionSplit(const std::filesystem::path& dir, const Normalize& normalize, Index hold_out);
  FashionSplit(const FashionSplit&) = delete;  // the subsets refer to `all`

  /// The images that judge are rows first, first + 1, ... of these.
  const ImageDataset& judging_images() const { return held_out_ ? all.train : all.test; }
  Index first() const { return held_out_ ? train.size() : 0; }

 private:
  bool held_out_;
};

}  // namespace kindling
