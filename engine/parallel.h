#pragma once

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

inline int max_threads() {
#ifdef _OPENMP
  return omp_get_max_threads();
#else
  return 1;
#endif
}

inline thread_local int current_slot = 0;

/// Which of the threads of a parallel_for is asking, below max_threads(): to give each its own
/// scratch memory. 0 outside of one, also where somebody else's parallel region calls us.
inline int thread_index() { return current_slot; }

/// Sets how many threads the kernels use. No result depends on it, not by a single bit.
inline void set_threads([[maybe_unused]] int n) {
#ifdef _OPENMP
  omp_set_num_threads(n);
#endif
}

/// Calls body(i) once for every task i in [0, tasks), in parallel when `work` (elementary
/// operations in all) is worth it. What a task computes must depend on i alone, and tasks must
/// write disjoint memory: then the result cannot depend on the number of threads. The body must not
/// throw.
template <class Body>
void parallel_for(Index tasks, Index work, const Body& body) {
#ifdef _OPENMP
  if (tasks > 1 && work >= kGrain && omp_get_max_threads() > 1 && !omp_in_parallel()) {
#pragma omp parallel
    {
      current_slot = omp_get_thread_num();
#pragma omp for schedule(static)
      for (Index i = 0; i < tasks; ++i) body(i);
      current_slot = 0;
    }
    return;
  }
#endif
  (void)work;
  for (Index i = 0; i < tasks; ++i) body(i);
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
