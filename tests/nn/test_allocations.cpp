#include <doctest/doctest.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "engine/engine.h"
#include "engine/storage.h"
#include "nn/models.h"
#include "nn/optim.h"

// What a training step asks of the heap, once it has run before: no array, and of small objects
// (nodes, closures, lists of inputs) no more than a handful an op. A sanitizer brings an operator
// new of its own and has buffers really given back, so there is nothing to see with one.

#ifndef KINDLING_SANITIZE

namespace {

std::atomic<long> small_allocations{0}, large_allocations{0};
constexpr std::size_t kLarge = 4096;  // bytes

void* counted(std::size_t bytes, std::size_t alignment) {
  (bytes < kLarge ? small_allocations : large_allocations).fetch_add(1, std::memory_order_relaxed);
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

TEST_CASE("a training step like the last one allocates no array and few small objects") {
  set_seed(1);
  const auto model = nn::conv_net();
  nn::SGD opt(model->parameters(), 0.01);
  const Tensor x(default_random().uniform({64, 28, 28, 1}));
  const IntArray labels(Shape{64}, 3);
  const auto step = [&] {
    cross_entropy((*model)(x), labels).backward();
    opt.step();
    opt.zero_grad();
  };
  for (int i = 0; i < 3; ++i) step();

  constexpr int kSteps = 5;
  const std::size_t from_system = pool_stats().system_allocs;
  small_allocations = large_allocations = 0;
  for (int i = 0; i < kSteps; ++i) step();
  CHECK_EQ(pool_stats().system_allocs, from_system);
  CHECK_EQ(large_allocations.load(), 0);
  // Five convolutions, four activations, a flatten and a loss: nodes, closures, lists of inputs.
  CHECK_LE(small_allocations.load() / kSteps, 11 * 20);
}

TEST_CASE("an op on the tape takes six small objects, forward and backward") {
  Tensor x(Array::scalar(3), true);
  const auto both = [&] {
    (x * x).backward();
    x.zero_grad();
  };
  for (int i = 0; i < 3; ++i) both();
  small_allocations = 0;
  both();
  CHECK_LE(small_allocations.load(), 6);
}

}  // namespace kindling::test

#endif
