#include "learner/examples/fashion_mnist/split.h"

#include <numeric>

#include "engine/error.h"

namespace kindling {

namespace {

Index kept(const ImageDataset& images, Index hold_out) {
  check<Error>(hold_out < images.size(), "hold-out", hold_out, ": less than the ", images.size(),
               " training images expected");
  return images.size() - hold_out;
}

Subset rows_from(const ImageDataset& images, Index begin) {
  std::vector<Index> rows(static_cast<std::size_t>(images.size() - begin));
  std::iota(rows.begin(), rows.end(), begin);
  return {images, std::move(rows)};
}

}  // namespace

FashionSplit::FashionSplit(const std::filesystem::path& dir, const Normalize& normalize,
                           Index hold_out)
    : all(load_fashion_mnist(dir, normalize)),
      train(first_rows(all.train, kept(all.train, hold_out))),
      valid(hold_out > 0 ? rows_from(all.train, train.size()) : rows_from(all.test, 0)),
      held_out_(hold_out > 0) {}

}  // namespace kindling
