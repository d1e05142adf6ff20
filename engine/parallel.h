#pragma once

#include <algorithm>
#include <array>
#include <utility>

#include "engine/shape.h"

#ifdef _OPENMP
#include <omp.h>
#endif

namespace kindling {

/// Work below this many elementary operations is not worth waking a second thread for: a parallel
/// region costs some microseconds, in which one core does about this much arithmetic.
inline constexpr Index kGrain = 32 * 1024;

/// Elements a task of an elementwise kernel works on: fits the first-level cache with its inputs.
inline constexpr Index kChunk = 8 * 1024;

/// More threads than this are never asked for.
inline constexpr int kMaxThreads = 128;

/// How many threads a parallel_for() of this thread may use; 1 without OpenMP.
inline int max_threads() {
#ifdef _OPENMP
  return std::min(omp_get_max_threads(), kMaxThreads);
#else
  return 1;
#endif
}

inline thread_local int current_slot = 0;  ///< For thread_index(); parallel_for() sets it.

/// Which of the threads of a parallel_for is asking, below max_threads(): to give each its own
/// scratch memory. 0 outside of one, also where somebody else's parallel region calls us.
inline int thread_index() { return current_slot; }

/// Sets how many threads a kernel uses that is called by this thread; less than 1 counts as 1. No
/// result depends on it, not by a single bit.
inline void set_threads([[maybe_unused]] int n) {
#ifdef _OPENMP
  omp_set_num_threads(std::max(n, 1));
#endif
}

/// Which thread takes which task. No result depends on it; it is there to be tested and measured.
enum class Sharing {
  kHelping,  ///< A share for each thread, which then helps the others with theirs.
  kStatic,   ///< A share for each thread, and no more.
  kDynamic,  ///< One share for all, from which each takes the next task.
};
inline Sharing sharing = Sharing::kHelping;  ///< What parallel_for() does, in every thread.

/// Into how many parts a long sum is cut, one task each, to be added up in their order. The bits of
/// the sum depend on it, so the shapes alone decide. With sums_by_threads there are as many as
/// threads: to measure what determinism costs (bench), not to be used.
/// @{
inline bool sums_by_threads = false;
inline Index sum_parts(Index by_shape) {
  return sums_by_threads ? std::min(by_shape, Index{max_threads()}) : by_shape;
}
/// @}

/// One thread's share of the tasks, and the first of them that nobody has taken yet. In a cache
/// line of its own.
struct alignas(64) TaskShare {
  /// Tasks [next, end) are left; `next` goes on past `end` when threads look for more.
  /// @{
  Index next, end;
  /// @}

  /// Runs what is left of the share.
  template <class Body>
  void work_off(const Body& body) {
    for (;;) {
      Index task;
#ifdef _OPENMP
#pragma omp atomic capture
#endif
      task = next++;
      if (task >= end) return;
      body(task);
    }
  }
};

/// Calls body(i) once for every task i in [0, tasks), in parallel when `work` (elementary
/// operations in all) is worth it. What a task computes must depend on i alone, and tasks must
/// write disjoint memory: then the result cannot depend on the number of threads. The body must not
/// throw.
///
/// Every thread begins with a run of neighbouring tasks, so that it reads and writes memory in
/// order, and then helps the others with theirs: a thread the system has put aside holds up the
/// rest for the length of one task and not for that of its share.
template <class Body>
void parallel_for(Index tasks, Index work, const Body& body) {
#ifdef _OPENMP
  const int threads = max_threads();
  if (tasks > 1 && work >= kGrain && threads > 1 && !omp_in_parallel()) {
    const int cut = sharing == Sharing::kDynamic ? 1 : threads;
    std::array<TaskShare, kMaxThreads> shares;
    for (Index k = 0; k < cut; ++k) shares[k] = {tasks * k / cut, tasks * (k + 1) / cut};
#pragma omp parallel num_threads(threads)
    {
      current_slot = omp_get_thread_num();
      // A static share is one thread's. Of fewer threads than were asked for, each has several.
      const int step = sharing == Sharing::kStatic ? omp_get_num_threads() : 1;
      for (int k = 0; k < cut; k += step) shares[(current_slot + k) % cut].work_off(body);
      current_slot = 0;
    }
    return;
  }
#endif
  (void)work;
  // Called from within a task, a kernel has its own scratch memory and is alone in it.
  const int slot = std::exchange(current_slot, 0);
  for (Index i = 0; i < tasks; ++i) body(i);
  current_slot = slot;
}

/// Cuts [0, n) into chunks of a fixed length and calls body(begin, end) for each, in parallel. The
/// cuts depend on n and `chunk` only.
template <class Body>
void parallel_chunks(Index n, Index chunk, Index work, const Body& body) {
  parallel_for((n + chunk - 1) / chunk, work, [&](Index i) {
    const Index begin = i * chunk;
    body(begin, begin + chunk < n ? begin + chunk : n);
  });
}

}  // namespace kindling
