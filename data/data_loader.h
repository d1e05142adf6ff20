#pragma once

#include <cstddef>
#include <iterator>
#include <optional>
#include <vector>

#include "data/dataset.h"
#include "engine/random.h"

namespace kindling {

/// Cuts a dataset into batches. Every `for` over a loader is one epoch and sees every row once:
///
///     for (const Batch& batch : loader) ...
///
/// The loader refers to the dataset, and to the stream of random numbers if it is given one; both
/// must outlive it and its iterators (a temporary dataset does not compile). Copies are cheap.
class DataLoader {
 public:
  class Iterator;

  /// Rows in their order, or shuffled anew for every epoch by default_random(), so that set_seed()
  /// makes a run repeatable. The last batch is short, or dropped, when the batches do not come out
  /// even. Throws Error unless batch_size is in [1, 2^31). An empty dataset makes no batches.
  DataLoader(const Dataset& dataset, Index batch_size, bool shuffle = false,
             bool drop_last = false);
  /// Shuffled by this stream, which nobody else need draw from.
  DataLoader(const Dataset& dataset, Index batch_size, Random& random, bool drop_last = false);
  DataLoader(const Dataset&&, Index, bool = false, bool = false) = delete;
  DataLoader(const Dataset&&, Index, Random&, bool = false) = delete;

  /// How many batches an epoch has.
  Index size() const;
  Index batch_size() const { return batch_size_; }  ///< Rows; the last batch may be short.
  /// Whether every epoch has an order of its own.
  bool shuffles() const { return random_ != nullptr; }
  /// The stream that shuffles; null when nothing does.
  Random* random() const { return random_; }
  /// What it cuts, and does not own.
  const Dataset& dataset() const { return *dataset_; }

  /// Starts an epoch: draws the order of the rows and gathers the first batch.
  Iterator begin() const;
  /// Goes on with an epoch that was left: from batch `first`, in the order that Iterator::order()
  /// stood for; nothing is drawn. Without an order and with first = 0 this is begin(); first =
  /// size() is the end. Throws Error when there is no such batch, when there is no order in the
  /// middle of a shuffled epoch, and when there is one for a loader that does not shuffle.
  Iterator begin(Index first, const std::optional<Random::State>& order) const;
  std::default_sentinel_t end() const { return {}; }  ///< Equal to an iterator past its last batch.

 private:
  const Dataset* dataset_;
  Index batch_size_;
  Random* random_;  // null: in order
  bool drop_last_;
};

/// Walks one epoch (an input iterator). Holds one batch, the one it stands on, and gives it up
/// before it gathers the next, which then finds its buffers in the pool unless a copy was kept.
class DataLoader::Iterator {
 public:
  /// What the standard library asks of an iterator.
  /// @{
  using value_type = Batch;
  using reference = const Batch&;
  using difference_type = std::ptrdiff_t;
  using iterator_concept = std::input_iterator_tag;
  /// @}

  /// Valid until the iterator moves on; a copy of the batch is good for ever.
  /// @{
  const Batch& operator*() const { return batch_; }
  const Batch* operator->() const { return &batch_; }
  /// @}
  /// Gathers the next batch, if there is one. Throws what Dataset::batch() throws.
  /// @{
  Iterator& operator++();
  void operator++(int) { ++*this; }
  /// @}
  /// Whether the epoch is over.
  friend bool operator==(const Iterator& it, std::default_sentinel_t) { return it.left_ == 0; }
  /// What the order of the rows was drawn from; none when they are not shuffled.
  const std::optional<Random::State>& order() const { return drawn_from_; }

 private:
  friend class DataLoader;
  Iterator(const DataLoader& loader, std::vector<Index> order, Index first,
           std::optional<Random::State> drawn_from);
  void gather();

  const Dataset* dataset_;
  Index batch_size_;
  std::vector<Index> order_;
  Index left_;      // batches, the current one included
  Index next_ = 0;  // where in order_ the current batch begins
  std::optional<Random::State> drawn_from_;
  Batch batch_;
};

/// What a Learner trains on and what it is judged by.
struct DataLoaders {
  DataLoader train;  ///< With gradients and steps.
  DataLoader valid;  ///< Judged without gradients, usually after each pass over train.
};

/// The usual pair: train is shuffled; valid stays in order and takes batches of twice the size,
/// because without gradients they fit. Both datasets must outlive the loaders. (A last training
/// batch of a single row is no good where the model has a BatchNorm1d, which then throws: give a
/// DataLoader of your own drop_last.)
DataLoaders make_data_loaders(const Dataset& train, const Dataset& valid, Index batch_size);
DataLoaders make_data_loaders(const Dataset&&, const Dataset&, Index) = delete;
DataLoaders make_data_loaders(const Dataset&, const Dataset&&, Index) = delete;
DataLoaders make_data_loaders(const Dataset&&, const Dataset&&, Index) = delete;

}  // namespace kindling
