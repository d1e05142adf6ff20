#include "data/data_loader.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <numeric>
#include <span>
#include <utility>

#include "engine/error.h"

namespace kindling {

namespace {

constexpr Index kMaxBatch = std::numeric_limits<std::int32_t>::max();

Index checked_batch_size(Index batch_size) {
  check<Error>(batch_size >= 1 && batch_size <= kMaxBatch, "DataLoader", "batch size ", batch_size,
               ", expected 1 to ", kMaxBatch);
  return batch_size;
}

std::vector<Index> in_order(Index n) {
  std::vector<Index> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), Index{0});
  return order;
}

}  // namespace

DataLoader::DataLoader(const Dataset& dataset, Index batch_size, bool shuffle, bool drop_last)
    : dataset_(&dataset),
      batch_size_(checked_batch_size(batch_size)),
      random_(shuffle ? &default_random() : nullptr),
      drop_last_(drop_last) {}

DataLoader::DataLoader(const Dataset& dataset, Index batch_size, Random& random, bool drop_last)
    : dataset_(&dataset),
      batch_size_(checked_batch_size(batch_size)),
      random_(&random),
      drop_last_(drop_last) {}

Index DataLoader::size() const {
  const Index rows = dataset_->size();
  const bool short_one = rows % batch_size_ != 0 && !drop_last_;
  return rows / batch_size_ + (short_one ? 1 : 0);
}

DataLoader::Iterator DataLoader::begin() const {
  const Index rows = dataset_->size();
  if (!random_) return Iterator(*this, in_order(rows), 0, {});
  const Random::State before = random_->state();
  return Iterator(*this, random_->permutation(rows), 0, before);
}

DataLoader::Iterator DataLoader::begin(Index first,
                                       const std::optional<Random::State>& order) const {
  if (first == 0 && !order) return begin();
  check<Error>(first >= 0 && first <= size(), "DataLoader", "batch ", first, ": expected 0 to ",
               size());
  check<Error>(
      order.has_value() == shuffles(), "DataLoader", "batch ", first, " of ",
      shuffles() ? "a shuffled epoch, but no order" : "an epoch in order, but another one");
  const Index rows = dataset_->size();
  return Iterator(*this, order ? Random(*order).permutation(rows) : in_order(rows), first, order);
}

DataLoader::Iterator::Iterator(const DataLoader& loader, std::vector<Index> order, Index first,
                               std::optional<Random::State> drawn_from)
    : dataset_(loader.dataset_),
      batch_size_(loader.batch_size_),
      order_(std::move(order)),
      left_(loader.size() - first),
      next_(first * batch_size_),
      drawn_from_(drawn_from) {
  if (left_ > 0) gather();
}

DataLoader::Iterator& DataLoader::Iterator::operator++() {
  batch_ = Batch();
  if (left_ == 0) return *this;
  next_ += batch_size_;
  if (--left_ > 0) gather();
  return *this;
}

void DataLoader::Iterator::gather() {
  const std::span<const Index> rest = std::span(order_).subspan(static_cast<std::size_t>(next_));
  batch_ = dataset_->batch(rest.first(std::min<std::size_t>(rest.size(), batch_size_)));
}

DataLoaders make_data_loaders(const Dataset& train, const Dataset& valid, Index batch_size) {
  return {DataLoader(train, batch_size, true), DataLoader(valid, 2 * batch_size)};
}

}  // namespace kindling
