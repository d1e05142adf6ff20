#pragma once

#include <string>
#include <vector>

#include "data/dataset.h"

/// Images of which every pixel is known.
namespace kindling::test {

/// n images (h, w, c); number k of image i is 1000 i + k + 1, so that every pixel is known.
inline Batch numbered(Index n, Index h, Index w, Index c = 1) {
  Array x(Shape{n, h, w, c});
  for (Index i = 0; i < x.size(); ++i)
    x.data()[i] = static_cast<Scalar>(1000 * (i / (h * w * c)) + i % (h * w * c) + 1);
  return {{Tensor(x)}, IntArray(Shape{n}, 3)};
}

/// Image i of a batch as plain numbers.
inline std::vector<Scalar> image(const Batch& batch, Index i) {
  const Array& x = batch.xs[0].value();
  const Index size = x.size() / x.dim(0);
  return {x.data() + i * size, x.data() + (i + 1) * size};
}

inline std::string all_bits(const Batch& batch) {
  const Array& x = batch.xs[0].value();
  return {reinterpret_cast<const char*>(x.data()),
          static_cast<std::size_t>(x.size()) * sizeof(Scalar)};
}

}  // namespace kindling::test
