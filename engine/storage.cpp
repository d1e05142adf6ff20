#include "engine/storage.h"

#include <algorithm>
#include <array>
#include <bit>
#include <mutex>
#include <new>

#ifdef __linux__
#include <sys/mman.h>
#endif

namespace kindling {

/// Idle blocks in lists by size class. Classes are four to an octave (a block wastes a fifth at
/// most), so blocks of nearly the same size can stand in for each other.
struct StoragePool {
  using Block = Storage::Block;
  static constexpr int kClasses = 4 * 64;
  /// AddressSanitizer sees a use after free only when blocks really go back.
#ifdef KINDLING_SANITIZE
  static constexpr bool kRecycle = false;
#else
  static constexpr bool kRecycle = true;
#endif

  std::mutex mutex;
  std::array<Block*, kClasses> free{};
  PoolStats stats;

  static int class_of(std::size_t bytes) {
    const int octave = std::bit_width(bytes - 1);  // 2^(octave-1) < bytes <= 2^octave
    const std::size_t quarter = std::size_t{1} << (octave - 3);
    const std::size_t half = std::size_t{1} << (octave - 1);
    return 4 * octave + static_cast<int>((bytes - half + quarter - 1) / quarter) - 1;
  }
  static std::size_t class_bytes(int size_class) {
    const int octave = size_class / 4;
    return (std::size_t{1} << (octave - 1)) +
           (size_class % 4 + 1) * (std::size_t{1} << (octave - 3));
  }

  /// Blocks from this size on begin on a huge page and ask for more of them: an array of 64 MiB is
  /// then 32 entries in the processor's page table cache and not 16384, and is read twice as fast.
  static constexpr std::size_t kHugePage = std::size_t{2} << 20;
  static std::align_val_t alignment(std::size_t size) {
    return std::align_val_t{size >= kHugePage ? kHugePage : 64};
  }

  static void* from_system(std::size_t size) {
    void* memory = ::operator new(Storage::kHeader + size, alignment(size));
#ifdef __linux__
    if (size >= kHugePage) ::madvise(memory, Storage::kHeader + size, MADV_HUGEPAGE);
#endif
    return memory;
  }

  static void destroy(Block* block) noexcept {
    const std::align_val_t aligned = alignment(block->bytes);
    block->~Block();
    ::operator delete(block, aligned);
  }

  /// Before giving up, gives back what idles in lists of other sizes.
  void* allocate(std::size_t size) {
    try {
      return from_system(size);
    } catch (const std::bad_alloc&) {
      if (stats.idle == 0) throw;
      destroy_idle();
      return from_system(size);
    }
  }

  Block* take(std::size_t bytes) {
    if (bytes > (std::size_t{1} << 62)) throw std::bad_alloc();
    const int size_class = class_of(std::max<std::size_t>(bytes, 64));
    const std::lock_guard lock(mutex);
    Block* block = free[size_class];
    const std::size_t size = class_bytes(size_class);
    if (block) {
      free[size_class] = block->next_free;
      stats.idle -= size;
    } else {
      block = new (allocate(size)) Block;
      block->bytes = size;
      ++stats.system_allocs;
    }
    block->owners.store(1, std::memory_order_relaxed);
    stats.in_use += size;
    stats.peak = std::max(stats.peak, stats.in_use);
    return block;
  }

  void give_back(Block* block) noexcept {
    const std::lock_guard lock(mutex);
    stats.in_use -= block->bytes;
    if (!kRecycle) return destroy(block);
    const int size_class = class_of(block->bytes);
    block->next_free = free[size_class];
    free[size_class] = block;
    stats.idle += block->bytes;
  }

  void destroy_idle() noexcept {
    for (Block*& head : free)
      while (head) destroy(std::exchange(head, head->next_free));
    stats.idle = 0;
  }

  /// Never destroyed, so that arrays of static lifetime can still be given back at exit. What idles
  /// then is reachable from here and no leak.
  static StoragePool& instance() {
    static StoragePool& pool = *new StoragePool;
    return pool;
  }
};

Storage::Storage(std::size_t bytes) : block_(StoragePool::instance().take(bytes)) {}

void Storage::release() noexcept {
  if (block_ && block_->owners.fetch_sub(1, std::memory_order_acq_rel) == 1)
    StoragePool::instance().give_back(block_);
}

PoolStats pool_stats() {
  auto& pool = StoragePool::instance();
  const std::lock_guard lock(pool.mutex);
  return pool.stats;
}

void trim_pool() {
  auto& pool = StoragePool::instance();
  const std::lock_guard lock(pool.mutex);
  pool.destroy_idle();
}

}  // namespace kindling
