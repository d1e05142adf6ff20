#include "data/data_loader.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <iterator>
#include <limits>
#include <numeric>
#include <ranges>
#include <type_traits>
#include <utility>
#include <vector>

#include "engine/error.h"
#include "engine/random.h"
#include "engine/storage.h"

using namespace kindling;

namespace {

static_assert(std::input_iterator<DataLoader::Iterator>);
static_assert(std::sentinel_for<std::default_sentinel_t, DataLoader::Iterator>);
static_assert(std::ranges::input_range<const DataLoader>);
static_assert(!std::is_constructible_v<DataLoader, TensorDataset, Index>);
static_assert(!std::is_constructible_v<DataLoader, TensorDataset, Index, Random&>);

/// Row i is the number i, with itself as its label.
TensorDataset numbers(Index n) {
  Array x(Shape{n, 1});
  IntArray y(Shape{n});
  std::iota(x.data(), x.data() + n, Scalar(0));
  std::iota(y.data(), y.data() + n, 0);
  return TensorDataset(x, y);
}

/// The labels of one epoch, batch by batch.
std::vector<std::vector<int>> epoch(const DataLoader& loader) {
  std::vector<std::vector<int>> batches;
  for (const Batch& batch : loader) {
    const auto labels = batch.labels().values();
    batches.emplace_back(labels.begin(), labels.end());
    for (Index i = 0; i < batch.size(); ++i)
      REQUIRE(batch.xs[0].value()[i] == static_cast<Scalar>(labels[i]));
  }
  return batches;
}

std::vector<int> flat(const std::vector<std::vector<int>>& batches) {
  std::vector<int> rows;
  for (const auto& batch : batches) rows.insert(rows.end(), batch.begin(), batch.end());
  return rows;
}

std::vector<int> first_numbers(int n) {
  std::vector<int> rows(n);
  std::iota(rows.begin(), rows.end(), 0);
  return rows;
}

}  // namespace

TEST_CASE("DataLoader: every row once, in order, the last batch short") {
  for (const Index n : {1, 2, 9, 10, 11, 20}) {
    const TensorDataset set = numbers(n);
    for (const Index size : {1, 3, 10, 1000}) {
      const DataLoader loader(set, size);
      const auto batches = epoch(loader);
      CHECK(static_cast<Index>(batches.size()) == loader.size());
      CHECK(loader.size() == (n + size - 1) / size);
      CHECK(flat(batches) == first_numbers(static_cast<int>(n)));
      for (std::size_t i = 0; i + 1 < batches.size(); ++i)
        CHECK(static_cast<Index>(batches[i].size()) == size);
      CHECK(static_cast<Index>(batches.back().size()) == n - (loader.size() - 1) * size);
    }
  }
}

TEST_CASE("DataLoader: drop_last drops a short batch and no full one") {
  const TensorDataset set = numbers(10);
  CHECK(flat(epoch(DataLoader(set, 4, false, true))) == first_numbers(8));
  CHECK(DataLoader(set, 4, false, true).size() == 2);
  CHECK(flat(epoch(DataLoader(set, 5, false, true))) == first_numbers(10));
  CHECK(epoch(DataLoader(set, 11, false, true)).empty());
  CHECK(epoch(DataLoader(set, 11, true, true)).empty());
}

TEST_CASE("DataLoader: shuffled, every row comes once an epoch and every epoch is different") {
  const TensorDataset set = numbers(101);
  set_seed(7);
  const DataLoader loader(set, 8, true);
  CHECK(loader.shuffles());
  const auto one = flat(epoch(loader)), two = flat(epoch(loader));
  CHECK(one != two);
  for (auto rows : {one, two}) {
    CHECK(rows != first_numbers(101));
    std::ranges::sort(rows);
    CHECK(rows == first_numbers(101));
  }
  set_seed(7);
  CHECK(flat(epoch(loader)) == one);
  CHECK(flat(epoch(loader)) == two);
  set_seed(8);
  CHECK(flat(epoch(loader)) != one);
}

TEST_CASE("DataLoader: a stream of its own leaves the default one alone") {
  const TensorDataset set = numbers(50);
  Random random(3), same(3);
  const DataLoader loader(set, 8, random), twin(set, 8, same);
  const auto before = default_random().state();
  const auto one = epoch(loader), two = epoch(loader);
  CHECK(default_random().state() == before);
  CHECK(one != two);
  CHECK(epoch(twin) == one);
  CHECK(epoch(twin) == two);
}

TEST_CASE("DataLoader: in order, it draws no random numbers") {
  const TensorDataset set = numbers(50);
  const auto before = default_random().state();
  epoch(DataLoader(set, 8));
  CHECK(default_random().state() == before);
}

TEST_CASE("DataLoader: an empty dataset makes no batches") {
  const TensorDataset none = numbers(0);
  for (const bool shuffle : {false, true}) {
    const DataLoader loader(none, 4, shuffle);
    CHECK(loader.size() == 0);
    CHECK(epoch(loader).empty());
    CHECK(loader.begin() == loader.end());
  }
}

TEST_CASE("DataLoader: batch sizes that make no sense") {
  const TensorDataset set = numbers(5);
  Random random;
  for (const Index size : {Index{0}, Index{-1}, Index{1} << 31, std::numeric_limits<Index>::max(),
                           std::numeric_limits<Index>::min()}) {
    CHECK_THROWS_WITH_AS(DataLoader(set, size), doctest::Contains("expected 1 to 2147483647"),
                         Error);
    CHECK_THROWS_AS(DataLoader(set, size, random), Error);
    CHECK_THROWS_AS(make_data_loaders(set, set, size), Error);
  }
  CHECK(DataLoader(set, (Index{1} << 31) - 1).size() == 1);
}

TEST_CASE("DataLoader: an iterator moves, and a batch that is kept stays as it is") {
  const TensorDataset set = numbers(6);
  const DataLoader loader(set, 2);
  auto it = loader.begin();
  const Batch kept = *it;
  CHECK(it->labels()[0] == 0);
  ++it;
  auto moved = std::move(it);
  CHECK(moved->labels()[0] == 2);
  moved++;
  CHECK(moved->labels()[0] == 4);
  CHECK(moved != loader.end());
  ++moved;
  CHECK(moved == loader.end());
  ++moved;  // there is nothing behind the end
  CHECK(moved == loader.end());
  CHECK(kept.labels()[1] == 1);
  CHECK(kept.xs[0].value()[1] == 1);
}

TEST_CASE("DataLoader: two epochs can go on at once, and one can be left early") {
  const TensorDataset set = numbers(6);
  const DataLoader loader(set, 4);
  auto a = loader.begin(), b = loader.begin();
  ++a;
  CHECK(a->labels()[0] == 4);
  CHECK(b->labels()[0] == 0);
  for (const Batch& batch : loader) {
    CHECK(batch.size() == 4);
    break;
  }
}

TEST_CASE("DataLoader: after the first batches nothing is asked from the system") {
  const TensorDataset set = numbers(4096);
  const DataLoader loader(set, 256, true);
  epoch(loader);
  const auto before = pool_stats().system_allocs;
  epoch(loader);
#ifndef KINDLING_SANITIZE
  CHECK(pool_stats().system_allocs == before);
#else
  (void)before;
#endif
}

TEST_CASE(
    "make_data_loaders: train is shuffled, valid is in order with batches of twice the size") {
  const TensorDataset train = numbers(100), valid = numbers(50);
  const DataLoaders loaders = make_data_loaders(train, valid, 16);
  CHECK(loaders.train.batch_size() == 16);
  CHECK(loaders.valid.batch_size() == 32);
  CHECK(loaders.train.shuffles());
  CHECK(!loaders.valid.shuffles());
  CHECK(&loaders.train.dataset() == &train);
  CHECK(epoch(loaders.train).front().size() == 16);
  CHECK(epoch(loaders.valid).front().size() == 32);
  CHECK(flat(epoch(loaders.valid)) == first_numbers(50));
  CHECK(flat(epoch(loaders.train)) != first_numbers(100));
}
