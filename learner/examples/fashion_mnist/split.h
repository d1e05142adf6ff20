#pragma once

#include <filesystem>

#include "data/fashion_mnist.h"
#include "nn/module.h"

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

/// Throws Error, and says what would do, when the last of the batches that `rows` are cut into is a
/// single row and the model has a norm that takes statistics of rows: better now than at the end of
/// the first epoch.
void check_last_batch(nn::Module& model, Index rows, Index batch_size, Index hold_out);

}  // namespace kindling
