#pragma once

#include <memory>
#include <vector>

#include "engine/kernels/conv2d.h"

/// Which inputs meet which weights, worked out once for each kind of convolution. Only conv2d*.cpp
/// include this.
namespace kindling::kernels {

/// `length` numbers of the input, `in` behind where a pixel's window begins, and the rows of the
/// weights they are multiplied with, one row a number: weight, weight + 1, ...
struct Segment {
  Index in, weight, length;
};

/// Pixels of the result that the same weights reach: all those inside an image, say, or those of
/// its upper edge, whose windows lack the kernel's first row. No zero of the border is ever
/// multiplied, and no padded copy is made.
struct Stencil {
  struct Pixel {
    Index in;   ///< Where its window begins, in numbers from the beginning of the image.
    Index out;  ///< Which pixel of the result it is.
  };
  std::vector<Segment> segments;
  std::vector<Pixel> pixels;
};

/// All pixels of the result of one image.
struct Plan {
  std::vector<Stencil> stencils;
  Index pixels = 0;
  Index steps = 0;  ///< Input numbers that are read for one image and one output feature.
};

/// The plan that turns images (H,W,C) into (OH,OW,M); weight rows in the order (KH,KW,C).
/// Plans are kept: the same arguments give the same one. Thread-safe.
std::shared_ptr<const Plan> forward_plan(Index h, Index w, Index c, const Window& window);

/// The plan that turns gradients of the output (OH,OW,M) into those of the images (H,W,C): an input
/// pixel gathers from every window that covers it. Weight rows in the order (KH,KW,M), both kernel
/// axes reversed.
std::shared_ptr<const Plan> backward_plan(Index h, Index w, Index m, const Window& window);

}  // namespace kindling::kernels
