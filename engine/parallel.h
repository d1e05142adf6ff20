#pragma once

#include <algorithm>

#include "engine/shape.h"

namespace kindling {

/// Work below this many elementary operations is not worth waking a second thread for: a parallel
/// region costs some microseconds, in which one core does about this much arithmetic.
inline constexpr Index kGrain = 32 * 1024;

/// Elements a task of an elementwise kernel works on: fits the first-level cache with its inputs.
inline constexpr Index kChunk = 8 * 1024;

/// More threads than this are never asked for.
inline constexpr int kMaxThreads = 128;

/// How many threads a parallel_for() of this thread may use; 1 without OpenMP.
int max_threads();

/// Which of the threads of a parallel_for is asking, below max_threads(): to give each its own
/// scratch memory. 0 outside of one, also where somebody else's parallel region calls us.
int thread_index();

/// Sets how many threads a kernel uses that is called by this thread; less than 1 counts as 1. No
/// result depends on it, not by a single bit.
void set_threads(int n);

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

/// A callable of a task's number without its type, by reference.
class TaskBody {
 public:
  /// `body` must live on.
  template <class Body>
  explicit TaskBody(const Body& body)
      : body_(&body), call_([](const void* b, Index i) { (*static_cast<const Body*>(b))(i); }) {}
  void operator()(Index i) const { call_(body_, i); }  ///< Calls body(i).

 private:
  const void* body_;
  void (*call_)(const void*, Index);
};

/// What parallel_for() does, compiled once instead of twice for every kernel (alone and by
/// threads): a task is too long to notice that it is called.
void run_tasks(Index tasks, Index work, TaskBody body);

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
  run_tasks(tasks, work, TaskBody(body));
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
