#pragma once

#include <cstdint>

#include "data/dataset.h"

namespace kindling {

/// How synthetic_images() draws.
struct SyntheticOptions {
  Index height = 28;            ///< In pixels.
  Index width = 28;             ///< In pixels.
  Index channels = 1;           ///< They have the same stripes, and noise of their own.
  Scalar noise = Scalar(0.15);  ///< Standard deviation, where 1 is the way from black to white.
  Normalize normalize{};        ///< What the dataset does to the pixels of a batch.
};

/// n made-up images (n, height, width, channels) that a small model learns in seconds: stripes
/// whose direction is the class, slightly shifted and under noise. Every class is equally frequent,
/// give or take one; the order is random. The seed decides the labels, shifts and noise but not
/// what the classes look like, so two seeds make a training set and a validation set that belong
/// together.
///
/// Throws Error for sizes below 1 (n may be 0) and for negative noise.
ImageDataset synthetic_images(Index n, int classes = 10, std::uint64_t seed = 0,
                              const SyntheticOptions& options = {});

}  // namespace kindling
