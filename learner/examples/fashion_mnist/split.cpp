#include "learner/examples/fashion_mnist/split.h"

#include <numeric>
#include <string>

#include "engine/error.h"
#include "nn/norm.h"

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

void check_last_batch(nn::Module& model, Index rows, Index batch_size, Index hold_out) {
  if (rows % batch_size != 1 && batch_size != 1) return;
  Index enough = batch_size + 1;
  while (rows > 1 && rows % enough == 1) ++enough;
  std::string way = rows > 1 ? str("--batch-size ", enough) : std::string();
  if (hold_out > 0 && batch_size > 1)
    way += rows > 1 ? str(" or --hold-out ", hold_out + 1) : str("--hold-out ", hold_out - 1);
  for (const auto& [path, module] : model.named_modules())
    check<Error>(!dynamic_cast<const nn::BatchNorm1d*>(module), "batch-size", rows,
                 " training images in batches of ", batch_size,
                 " leave a batch of one, of which layer ", path,
                 ", a BatchNorm1d, has no statistics", way.empty() ? "" : "; " + way + " would do");
}

}  // namespace kindling
