#include "engine/parallel.h"

#include <array>
#include <utility>

#ifdef _OPENMP
#include <omp.h>
#endif

namespace kindling {

namespace {

thread_local int current_slot = 0;  // for thread_index(); run_tasks() sets it

#ifdef _OPENMP
// One thread's share of the tasks, and the first of them that nobody has taken yet. In a cache
// line of its own.
struct alignas(64) TaskShare {
  // Tasks [next, end) are left; `next` goes on past `end` when threads look for more.
  Index next, end;

  // Runs what is left of the share.
  void work_off(TaskBody body) {
    for (;;) {
      Index task;
#pragma omp atomic capture
      task = next++;
      if (task >= end) return;
      body(task);
    }
  }
};
#endif

}  // namespace

int max_threads() {
#ifdef _OPENMP
  return std::min(omp_get_max_threads(), kMaxThreads);
#else
  return 1;
#endif
}

int thread_index() { return current_slot; }

void set_threads([[maybe_unused]] int n) {
#ifdef _OPENMP
  omp_set_num_threads(std::max(n, 1));
#endif
}

void run_tasks(Index tasks, [[maybe_unused]] Index work, TaskBody body) {
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
  // Called from within a task, a kernel has its own scratch memory and is alone in it.
  const int slot = std::exchange(current_slot, 0);
  for (Index i = 0; i < tasks; ++i) body(i);
  current_slot = slot;
}

}  // namespace kindling
