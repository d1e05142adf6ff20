#pragma once

#include <atomic>
#include <cstddef>
#include <utility>

namespace kindling {

/// A reference-counted block of memory, aligned to 64 bytes (a cache line, and the widest vector).
/// Copying the handle shares the block; the last handle gives it back to a recycling pool, so that
/// a training step, which asks for the same sizes over and over, soon stops asking the system.
///
/// This file and storage.cpp are all that knows where memory comes from: a second device starts
/// here. The contents of a new block are not initialised.
class Storage {
 public:
  Storage() = default;
  /// Throws std::bad_alloc.
  explicit Storage(std::size_t bytes);
  /// A copy shares the block; what is moved from has none.
  /// @{
  Storage(const Storage& other) : block_(other.block_) { retain(); }
  Storage(Storage&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  Storage& operator=(Storage other) noexcept {
    std::swap(block_, other.block_);
    return *this;
  }
  /// @}
  ~Storage() { release(); }

  explicit operator bool() const { return block_ != nullptr; }  ///< There is a block.
  /// Where it begins; null without one.
  void* data() const { return block_ ? reinterpret_cast<std::byte*>(block_) + kHeader : nullptr; }
  /// True when this handle is the only one: the block may be written without anyone noticing.
  bool unique() const { return block_ && block_->owners.load(std::memory_order_acquire) == 1; }

 private:
  friend struct StoragePool;
  static constexpr std::size_t kHeader = 64;
  /// Stands in the first cache line of the block, before the data.
  struct Block {
    std::atomic<long> owners;
    std::size_t bytes;
    Block* next_free;
  };

  void retain() const {
    if (block_) block_->owners.fetch_add(1, std::memory_order_relaxed);
  }
  void release() noexcept;

  Block* block_ = nullptr;
};

/// What the pool holds and has handed out, in bytes; and how often it grew.
struct PoolStats {
  std::size_t in_use = 0;         ///< Blocks somebody owns.
  std::size_t idle = 0;           ///< Blocks waiting to be used again.
  std::size_t peak = 0;           ///< The largest in_use so far.
  std::size_t system_allocs = 0;  ///< How often the system was asked; constant in steady state.
};
PoolStats pool_stats();  ///< Of the process; any thread may ask.

/// Gives all idle blocks back to the system.
void trim_pool();

}  // namespace kindling
