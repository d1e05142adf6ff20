#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>
#include <vector>

/// Memory for the small things that every training step makes and forgets anew: nodes of the tape,
/// closures, lists of inputs. (Arrays have a pool of their own, see storage.h.)
///
///     size    32 B   64 B   128 B  ...  64 KiB       one list for each power of two,
///              |             |                       in every thread
///            block         block
///              |
///            block
///
/// What a thread frees goes to the front of its list, and what it asks for comes from there, still
/// warm in the cache; only an empty list asks the system. Threads share nothing, so nothing is
/// locked: a block that another thread frees is that thread's from then on.
namespace kindling {

namespace small_pool {

/// AddressSanitizer sees a use after free only when blocks really go back.
#ifdef KINDLING_SANITIZE
inline constexpr bool kRecycle = false;
#else
inline constexpr bool kRecycle = true;
#endif
inline constexpr std::size_t kSmallest = 32, kLargest = 64 * 1024;
inline constexpr int kClasses = std::bit_width(kLargest / kSmallest);
/// Bytes that may idle in one list: a graph of ten thousand nodes. What is more goes back.
inline constexpr std::size_t kMostIdle = 4 << 20;

/// What stands in memory that is free.
struct Block {
  Block* next;  ///< In its list; null in the last one.
};

/// Constants initialise it and nothing destroys it, so that it can be used at any time: by objects
/// of static lifetime too, which die after the threads' own.
struct Lists {
  Block* free[kClasses];       ///< The first of each list, or null.
  std::size_t room[kClasses];  ///< What may still be added; nothing before open(), after close().
  bool opened;                 ///< open() has made room, which it does once.
};
inline thread_local constinit Lists lists{};

inline int class_of(std::size_t bytes) {
  return bytes <= kSmallest ? 0 : std::bit_width((bytes - 1) / kSmallest);
}
inline std::size_t class_bytes(int size_class) { return kSmallest << size_class; }

/// At the end of the thread: gives everything back, and what is freed later goes back directly.
inline void close() noexcept {
  for (std::size_t& room : lists.room) room = 0;
  for (Block*& head : lists.free)
    while (head) ::operator delete(std::exchange(head, head->next));
}

/// Called when there is no room. The first time, makes some; returns whether it did.
inline bool open() noexcept {
  if (std::exchange(lists.opened, true)) return false;
  struct AtThreadEnd {
    ~AtThreadEnd() { close(); }
  };
  static thread_local AtThreadEnd at_thread_end;
  (void)at_thread_end;
  for (std::size_t& room : lists.room) room = kMostIdle;
  return true;
}

/// At least `bytes`, aligned for every fundamental type. Throws std::bad_alloc.
inline void* take(std::size_t bytes) {
  if (!kRecycle || bytes > kLargest) return ::operator new(bytes);
  const int size_class = class_of(bytes);
  Block* const block = lists.free[size_class];
  if (!block) return ::operator new(class_bytes(size_class));
  lists.free[size_class] = block->next;
  lists.room[size_class] += class_bytes(size_class);
  return block;
}

/// `bytes` as they were asked for.
inline void give_back(void* memory, std::size_t bytes) noexcept {
  if (!kRecycle || bytes > kLargest) return ::operator delete(memory);
  const int size_class = class_of(bytes);
  if (lists.room[size_class] < class_bytes(size_class) && !open()) return ::operator delete(memory);
  lists.free[size_class] = new (memory) Block{lists.free[size_class]};
  lists.room[size_class] -= class_bytes(size_class);
}

}  // namespace small_pool

/// The pool as the standard library wants it.
template <class T>
struct Recycling {
  static_assert(alignof(T) <= __STDCPP_DEFAULT_NEW_ALIGNMENT__);
  /// What the standard library asks of an allocator; any two are equal.
  /// @{
  using value_type = T;
  Recycling() = default;
  template <class U>
  Recycling(const Recycling<U>&) {}  // NOLINT: implicit, as the standard library expects

  T* allocate(std::size_t n) {
    if (n > static_cast<std::size_t>(-1) / sizeof(T)) throw std::bad_array_new_length();
    return static_cast<T*>(small_pool::take(n * sizeof(T)));
  }
  void deallocate(T* memory, std::size_t n) noexcept {
    small_pool::give_back(memory, n * sizeof(T));
  }
  friend bool operator==(const Recycling&, const Recycling&) { return true; }
  /// @}
};

/// A std::vector in recycled memory.
template <class T>
using RecycledVector = std::vector<T, Recycling<T>>;

/// std::make_shared in recycled memory.
template <class T, class... Args>
std::shared_ptr<T> make_recycled(Args&&... args) {
  return std::allocate_shared<T>(Recycling<std::remove_const_t<T>>(), std::forward<Args>(args)...);
}

/// A std::function that is moved and never copied, with what it captures in recycled memory.
template <class Signature>
class RecycledFunction;

/// Of a function type, the only kind there is.
template <class R, class... Args>
class RecycledFunction<R(Args...)> {
 public:
  /// No function in it.
  /// @{
  RecycledFunction() = default;
  RecycledFunction(std::nullptr_t) {}  // NOLINT: implicit, as std::function has it
  /// @}
  /// Whatever can be called so; it need not be copyable.
  template <class F>
  requires(!std::same_as<F, RecycledFunction> && std::is_invocable_r_v<R, F&, Args...>)
      RecycledFunction(F f)
      : closure_(std::make_unique<ClosureOf<F>>(std::move(f))) {}  // NOLINT

  explicit operator bool() const { return closure_ != nullptr; }  ///< There is a function in it.
  /// There must be a function in it.
  R operator()(Args... args) { return closure_->call(std::forward<Args>(args)...); }

 private:
  struct Closure {
    virtual ~Closure() = default;
    virtual R call(Args... args) = 0;
    static void* operator new(std::size_t bytes) { return small_pool::take(bytes); }
    static void operator delete(void* memory, std::size_t bytes) {
      small_pool::give_back(memory, bytes);
    }
  };
  template <class F>
  struct ClosureOf final : Closure {
    static_assert(alignof(F) <= __STDCPP_DEFAULT_NEW_ALIGNMENT__);
    explicit ClosureOf(F&& function) : f(std::move(function)) {}
    R call(Args... args) override { return f(std::forward<Args>(args)...); }
    F f;
  };
  std::unique_ptr<Closure> closure_;
};

}  // namespace kindling
