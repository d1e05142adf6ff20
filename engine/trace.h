#pragma once

#include <iosfwd>
#include <memory>
#include <span>

#include "engine/tape.h"

namespace kindling {

/// While one of these lives, every op of this thread is a line, as it runs, forward and backward:
///
///     forward             module        output                      ms  inputs
///       conv2d            0.0           (64,14,14,8)             0.193  (64,28,28,1) (5,5,1,8) (8)
///       relu              0.1           (64,14,14,8)             0.021  (64,14,14,8)
///     backward            module        gradient                    ms  inputs
///       relu              0.1           (64,14,14,8)             0.035  (64,14,14,8)
///       conv2d            0.0           (64,14,14,8)             0.210  - (5,5,1,8) (8)
///     all                 2 forward 0.214 ms, 2 backward 0.245 ms
///
/// The tape hears of an op when its value is there, so the time of a forward line is what passed
/// since the line before or since the module began, whichever was later, with what the caller did
/// meanwhile. That of a backward line is the op's alone; an input whose gradient nobody asked for
/// is a dash. Ops of a graph that was recorded before have no module.
///
/// Every value and gradient is computed before its line is printed, as if hooks looked: what would
/// be done in one pass is not (see lazy.h), the numbers are the same, and the sum of the times is
/// more than an untraced step takes. Without a guard an op costs one look at a pointer each way.
///
/// Guards nest; the innermost one prints. A column that is too narrow is wider from there on.
class [[nodiscard]] TraceOps {
 public:
  TraceOps();  ///< To std::cerr.
  /// The stream must outlive the guard.
  explicit TraceOps(std::ostream& out);
  ~TraceOps();
  TraceOps(const TraceOps&) = delete;
  TraceOps& operator=(const TraceOps&) = delete;

  class Table;

 private:
  std::unique_ptr<Table> table_;
  Table* before_;
};

/// What the tape does for it.
namespace trace {

bool tracing();  ///< Whether a guard lives in this thread.
/// An op that has run, its value looked at.
void forward(const Op& op, const Lazy& value, std::span<const Tensor> inputs);
/// Its node, if it got one: remembers the module for the way back.
void recorded(const Node& node);
/// Runs the backward function of a node, whose cotangent is dy.
void backward(Node& node, Lazy dy);

}  // namespace trace

}  // namespace kindling
