#include <doctest/doctest.h>

#include <atomic>
#include <cmath>
#include <cstdlib>
#include <memory>
#include <new>
#include <thread>
#include <type_traits>
#include <vector>

#include "engine/engine.h"
#include "engine/storage.h"
#include "nn/models.h"
#include "nn/optim.h"

// What a training step asks of the heap once it has run before: nothing, neither for arrays
// (storage.h) nor for nodes, closures and lists (recycle.h). And what it does when the heap has
// nothing to give. A sanitizer brings an operator new of
// its own and has memory really given back, so there is nothing to see with one.

#ifndef KINDLING_SANITIZE

namespace {

std::atomic<long> allocations{0};
std::atomic<long> held{0};        // blocks that were not given back
std::atomic<long> until_fail{0};  // the n-th allocation from now on fails; 0: none does

void* counted(std::size_t bytes, std::size_t alignment) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  if (until_fail.load(std::memory_order_relaxed) > 0 && until_fail.fetch_sub(1) == 1)
    throw std::bad_alloc();
  const std::size_t rounded = (bytes + alignment - 1) / alignment * alignment;
  void* memory = std::aligned_alloc(alignment, rounded > 0 ? rounded : alignment);
  if (memory == nullptr) throw std::bad_alloc();
  held.fetch_add(1, std::memory_order_relaxed);
  return memory;
}

void given_back(void* memory) {
  if (memory) held.fetch_sub(1, std::memory_order_relaxed);
  std::free(memory);
}

}  // namespace

void* operator new(std::size_t bytes) { return counted(bytes, alignof(std::max_align_t)); }
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  return counted(bytes, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept { given_back(memory); }
void operator delete(void* memory, std::size_t) noexcept { given_back(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { given_back(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { given_back(memory); }

namespace kindling::test {

namespace {

/// How often the heap is asked while f runs.
template <class F>
long allocations_of(const F& f) {
  const long before = allocations;
  f();
  return allocations - before;
}

/// Trains on the same batch: forward, loss, backward, update.
struct Training {
  void step() const {
    cross_entropy(model(x), labels).backward();
    opt.step();
    opt.zero_grad();
  }
  nn::Module& model;
  nn::Optimizer& opt;
  Tensor x;
  IntArray labels;
};

/// Of five steps, after two that fill the pools.
template <class Opt>
long steady_allocations(const std::unique_ptr<nn::Sequential>& model, Index batch) {
  set_seed(1);
  Opt opt(model->parameters(), 0.01);
  const Training training{*model, opt, Tensor(default_random().uniform({batch, 28, 28, 1})),
                          IntArray(Shape{batch}, 3)};
  for (int i = 0; i < 2; ++i) training.step();
  return allocations_of([&] {
    for (int i = 0; i < 5; ++i) training.step();
  });
}

/// A whole training step from empty pools, in a thread of its own, whose k-th allocation fails.
/// (One that is only wished for, by the standard library's sort, may fail without consequence.)
/// Returns whether the step came to its k-th.
bool step_fails_at(long k, const Training& training) {
  trim_pool();
  std::thread([&] {
    until_fail = k;
    try {
      training.step();
    } catch (const std::bad_alloc&) {
    }
    training.opt.zero_grad();
  }).join();
  return until_fail.exchange(0) <= 0;
}

/// Lets every allocation of a step fail in turn. Returns how many there were.
template <class Opt>
long fail_everywhere(const std::unique_ptr<nn::Sequential>& model, Index batch) {
  set_seed(1);
  Opt opt(model->parameters(), 0.01);
  const Training training{*model, opt, Tensor(default_random().uniform({batch, 28, 28, 1})),
                          IntArray(Shape{batch}, 3)};
  step_fails_at(1'000'000'000, training);  // the optimizer's own arrays are there from now on
  trim_pool();
  const long before = held;
  long k = 1;
  while (step_fails_at(k, training)) {
    trim_pool();
    CHECK_EQ(held, before);  // nothing is lost on the way
    ++k;
  }
  CHECK(std::isfinite(cross_entropy((*model)(training.x), training.labels).item()));
  return k - 1;
}

}  // namespace

TEST_CASE("the count sees nodes, closures, lists and arrays") {
  constexpr int kMany = 100;
  trim_pool();
  std::thread([] {  // whose pool is empty
    const Tensor x(Array::scalar(3), true);
    std::vector<Tensor> all;
    all.reserve(kMany);
    const long made = allocations_of([&] {
      for (int i = 0; i < kMany; ++i) all.push_back(x * 2);
    });
    CHECK_GE(made, 5 * kMany);  // a tensor, its node, the inputs, the closure and the array
  })
      .join();
}

TEST_CASE("a training step like the last one allocates nothing") {
  CHECK_EQ(steady_allocations<nn::SGD>(nn::conv_net(), 64), 0);
  CHECK_EQ(steady_allocations<nn::AdamW>(nn::conv_bn_net(), 16), 0);
  CHECK_EQ(steady_allocations<nn::AdamW>(nn::small_resnet(), 8), 0);
}

TEST_CASE("a step whose k-th allocation fails throws bad_alloc and leaks nothing, for every k") {
  const long counts[] = {
      fail_everywhere<nn::SGD>(nn::conv_net(), 4),
      fail_everywhere<nn::SGD>(nn::conv_net(), 64),  // with two threads and more
      fail_everywhere<nn::AdamW>(nn::conv_bn_net(), 8),
      fail_everywhere<nn::AdamW>(nn::resnet(nn::make<nn::ResBlock>(1, 4), {4, 8, 8, 8, 8, 8}), 4)};
  for (const long count : counts) {
    MESSAGE(count << " allocations");
    CHECK_GT(count, 50);
  }
}

TEST_CASE("an optimizer that got no memory for its own arrays gets them in the next step") {
  const auto fails_first = []<class Opt>(std::type_identity<Opt>) {
    for (long k = 1;; ++k) {
      set_seed(1);
      const auto model = nn::mlp(784, 8, 10);
      Opt opt(model->parameters(), 0.01);
      const Training training{*model, opt, Tensor(default_random().uniform({4, 28, 28, 1})),
                              IntArray(Shape{4}, 3)};
      const bool failed = step_fails_at(k, training);
      training.step();
      CHECK(std::isfinite(cross_entropy((*model)(training.x), training.labels).item()));
      if (!failed) break;
    }
  };
  fails_first(std::type_identity<nn::AdamW>());
  fails_first(std::type_identity<nn::RMSprop>());
  fails_first(std::type_identity<nn::SGD>());
}

TEST_CASE("nor does an op on the tape, forward and backward") {
  Tensor x(Array::scalar(3), true);
  const auto both = [&] {
    (x * x).backward();
    x.zero_grad();
  };
  for (int i = 0; i < 2; ++i) both();
  CHECK_EQ(allocations_of(both), 0);
}

}  // namespace kindling::test

#endif
