#pragma once

#include <functional>
#include <vector>

/// What this machine can do at best, measured: the roofs that every kernel stands under.
namespace kindling::bench {

/// Bytes a second while `footprint` bytes are walked over and over, so that small ones come out of
/// a cache and large ones out of memory. Counted is what the loop reads and writes; that a store
/// may fetch its cache line first (write-allocate) is not counted. `copy` and `triad` are the
/// better of plain and streaming stores.
struct Bandwidth {
  double footprint;  ///< All arrays together, bytes.
  double read;       ///< sum += a[i]
  double copy;       ///< b[i] = a[i]
  double triad;      ///< c[i] = a[i] + s * b[i]
  double update;     ///< a[i] += s * b[i]: what is written was there already
};

/// The limits of a number of threads.
struct Limits {
  int threads;
  double flops;                      ///< Multiplications and additions a second in fused FMAs.
  std::vector<Bandwidth> bandwidth;  ///< By growing footprint.

  /// The best that was seen while at least this much was walked, for this mixture of reading and
  /// writing.
  double bytes_per_second(double read, double written, bool in_place) const;
  /// The roof: the least seconds for so much arithmetic on so many bytes, and who says so.
  struct Roof {
    double seconds;
    bool by_memory;
  };
  Roof roof(double flops, double read, double written, bool in_place) const;
};

/// What a case bound by memory is timed beside, since what memory gives changes from minute to
/// minute where others use it too: each moves so many bytes once, in the loop most like that
/// mixture, with plain stores or with streaming ones.
std::vector<std::function<void()>> memory_walks(double read, double written, bool in_place,
                                                int threads);

/// Takes about a second a thread count. Leaves the number of threads at `threads`.
Limits measure_limits(int threads);

}  // namespace kindling::bench
