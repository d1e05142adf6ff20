#include <doctest/doctest.h>

#include <thread>
#include <vector>

#include "engine/engine.h"
#include "engine/recycle.h"

// Small memory that is taken and given back, within a thread and across threads.

namespace kindling::test {

TEST_CASE("sizes of the pool: powers of two, none smaller than what was asked for") {
  using namespace small_pool;
  for (std::size_t bytes = 1; bytes <= kLargest; ++bytes) {
    const int c = class_of(bytes);
    REQUIRE(c < kClasses);
    REQUIRE(class_bytes(c) >= bytes);
    if (c > 0) REQUIRE(class_bytes(c - 1) < bytes);
  }
}

#ifndef KINDLING_SANITIZE
TEST_CASE("what was given back last is taken first, by anything of its size") {
  void* const first = small_pool::take(100);
  void* const second = small_pool::take(100);
  CHECK_NE(first, second);
  small_pool::give_back(first, 100);
  small_pool::give_back(second, 100);
  CHECK_EQ(small_pool::take(128), second);
  CHECK_EQ(small_pool::take(65), first);
  small_pool::give_back(first, 65);
  small_pool::give_back(second, 128);
}

TEST_CASE("a thread keeps no more than its share") {
  std::thread([] {
    constexpr std::size_t kBlock = small_pool::kLargest;
    std::vector<void*> blocks(2 * small_pool::kMostIdle / kBlock);
    for (void*& block : blocks) block = small_pool::take(kBlock);
    for (void* block : blocks) small_pool::give_back(block, kBlock);
    std::size_t idle = 0;
    for (auto* block = small_pool::lists.free[small_pool::class_of(kBlock)]; block != nullptr;
         block = block->next)
      idle += kBlock;
    CHECK_EQ(idle, small_pool::kMostIdle);
    CHECK_EQ(small_pool::lists.room[small_pool::class_of(kBlock)], 0);
  }).join();
}
#endif

TEST_CASE("blocks too large for the pool go to the system and back") {
  RecycledVector<double> numbers(small_pool::kLargest);
  numbers.back() = 1;
  CHECK_EQ(numbers.front(), 0);
}

TEST_CASE("a graph made in one thread may be walked and freed in another") {
  const Tensor x(Array::scalar(2), true);
  for (int round = 0; round < 3; ++round) {
    Tensor y = x;
    std::thread([&] {
      for (int i = 0; i < 1000; ++i) y = y * 1 + 0;
    }).join();
    y.backward();
    Tensor z = x * x;
    std::thread([w = std::move(z)]() mutable { w.backward(), w = Tensor(); }).join();
  }
  CHECK_EQ(x.grad().item(), 3 * (1 + 4));
}

TEST_CASE("a recycled function moves, calls and lets go of what it captured") {
  const auto counted = std::make_shared<int>(0);
  RecycledFunction<int(int)> f = [counted, n = 10](int by) mutable { return n += by; };
  CHECK_EQ(counted.use_count(), 2);
  CHECK_EQ(f(5), 15);
  RecycledFunction<int(int)> g = std::move(f);
  CHECK_FALSE(f);
  CHECK_EQ(g(1), 16);
  CHECK_EQ(counted.use_count(), 2);
  g = nullptr;
  CHECK_FALSE(g);
  CHECK_EQ(counted.use_count(), 1);
}

namespace {
// Dies after the pool of its thread.
Tensor of_static_lifetime(Array::scalar(2), true);
}  // namespace

TEST_CASE("a graph of static lifetime goes away at the end of the program") {
  of_static_lifetime = of_static_lifetime * of_static_lifetime;
  CHECK_EQ(of_static_lifetime.item(), 4);
}

}  // namespace kindling::test
