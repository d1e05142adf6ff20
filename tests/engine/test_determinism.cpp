#include <doctest/doctest.h>

#include <algorithm>
#include <vector>

#include "engine/engine.h"
#include "engine/ops/update.h"
#include "engine/parallel.h"
#include "tests/engine/op_table.h"

namespace kindling::test {

namespace {

/// Sets the thread count back when it goes.
struct Threads {
  int before = max_threads();
  ~Threads() { set_threads(before); }
};

/// The value and the gradients.
std::vector<Array> everything(const OpRow& row, const std::vector<Array>& inputs) {
  const Tensors x = leaves(inputs);
  const Tensor y = row.f(x);
  y.backward(Random(1).uniform(y.shape(), -1, 1));
  std::vector<Array> result{y.value()};
  for (const Tensor& tensor : x) result.push_back(tensor.grad());
  return result;
}

}  // namespace

TEST_CASE("every op gives the same bits for any number of threads") {
  const Threads threads;
  Random random(1618);
  for (const OpRow& row : op_table()) {
    if (row.big.empty()) continue;
    INFO(title(row), " on ", names(row.big));
    const std::vector<Array> inputs = draw(row.big, row.domain, random);
    set_threads(1);
    const std::vector<Array> reference = everything(row, inputs);
    for (const int n : {1, 2, 3, 4, 8}) {
      CAPTURE(n);
      set_threads(n);
      const std::vector<Array> results = everything(row, inputs);
      for (std::size_t i = 0; i < results.size(); ++i) CHECK(same_bits(results[i], reference[i]));
    }
  }
}

TEST_CASE("big inputs, which threads share, agree with the oracle") {
  Random random(2236);
  const double tolerance = sizeof(Scalar) == 8 ? 1e-10 : 1e-3;
  for (const OpRow& row : op_table()) {
    if (row.big.empty() || row.op == "conv2d" || row.op == "matmul")
      continue;  // tests of their own
    INFO(title(row), " on ", names(row.big));
    const std::vector<Array> inputs = draw(row.big, row.domain, random);
    const Array y = row.f(leaves(inputs, false)).value();
    CHECK_EQ(difference(y, row.oracle(to_plain(inputs)), tolerance), "");
  }
}

TEST_CASE("in-place updates and argmax give the same bits for any number of threads") {
  const Threads threads;
  const Array x = Random(3).normal({300, 401}), start = Random(4).normal({300, 401});
  std::vector<Array> results;
  std::vector<IntArray> places;
  for (const int n : {1, 2, 3, 4, 8}) {
    set_threads(n);
    Array y = start;
    add_scaled(y, Scalar{-0.3}, x);
    add_scaled(y, Scalar{0.7}, x);  // now in place
    scale(y, Scalar{1.1});
    results.push_back(y);
    places.push_back(argmax(Tensor(x), 0));
  }
  for (std::size_t i = 1; i < results.size(); ++i) {
    CHECK(same_bits(results[i], results[0]));
    CHECK(std::equal(places[i].values().begin(), places[i].values().end(),
                     places[0].values().begin()));
  }
}

TEST_CASE("a parallel loop runs every task once, whatever the number of threads") {
  const Threads threads;
  for (const int n : {1, 2, 3, 8})
    for (const Index tasks : {0, 1, 2, 7, 1000}) {
      set_threads(n);
      std::vector<int> runs(static_cast<std::size_t>(tasks), 0);
      parallel_for(tasks, kGrain, [&](Index i) { ++runs[static_cast<std::size_t>(i)]; });
      CHECK_EQ(runs, std::vector<int>(static_cast<std::size_t>(tasks), 1));
    }
}

TEST_CASE("chunks cover the range without gaps") {
  for (const Index n : {0, 1, 9, 10, 11, 100}) {
    std::vector<int> hits(static_cast<std::size_t>(n), 0);
    parallel_chunks(n, 10, 2 * kGrain, [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) ++hits[static_cast<std::size_t>(i)];
    });
    CHECK_EQ(hits, std::vector<int>(static_cast<std::size_t>(n), 1));
  }
}

}  // namespace kindling::test
