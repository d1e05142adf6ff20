#include <doctest/doctest.h>

#include <atomic>
#include <cstdlib>
#include <memory>
#include <new>
#include <thread>
#include <vector>

#include "engine/engine.h"
#include "engine/storage.h"
#include "nn/models.h"
#include "nn/optim.h"

// What a training step asks of the heap once it has run before: nothing, neither for arrays
// (storage.h) nor for nodes, closures and lists (recycle.h). A sanitizer brings an operator new of
// its own and has memory really given back, so there is nothing to see with one.

#ifndef KINDLING_SANITIZE

namespace {

std::atomic<long> allocations{0};

void* counted(std::size_t bytes, std::size_t alignment) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  const std::size_t rounded = (bytes + alignment - 1) / alignment * alignment;
  void* memory = std::aligned_alloc(alignment, rounded > 0 ? rounded : alignment);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

void* operator new(std::size_t bytes) { return counted(bytes, alignof(std::max_align_t)); }
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  return counted(bytes, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }

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
