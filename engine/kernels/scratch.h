#pragma once

#include "engine/array.h"
#include "engine/parallel.h"

namespace kindling::kernels {

/// Memory for every thread of a parallel_for(), `per_thread` numbers each, not initialised. Made
/// before the threads start.
struct Scratch {
  explicit Scratch(Index per_thread) : size(per_thread), memory(Shape{max_threads(), per_thread}) {
    data = memory.data();
  }
  Scalar* mine() const { return data + thread_index() * size; }  ///< Of the thread that asks.
  Index size;
  Array memory;
  Scalar* data;
};

}  // namespace kindling::kernels
