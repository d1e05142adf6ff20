#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tests/support/gradcheck.h"
#include "tests/support/plain.h"

namespace kindling::test {

/// One row of the op table: all that test_ops.cpp and test_determinism.cpp need to know of an op.
/// To add an op, add a row; an op with other settings (an axis, a stride) is another row.
///
/// A row buys: forward against the oracle, gradcheck of every input, alone and in the middle of a
/// graph, used twice, with every choice of inputs that want a gradient, rejection of bad shapes,
/// and the same bits for any number of threads.
struct OpRow {
  std::string op;       ///< Its name in op_registry().
  std::string variant;  ///< What sets this row apart from others of the same op.
  TensorFn f;
  /// The same, naively: index loops on plain numbers, no engine.
  std::function<Plain(const std::vector<Plain>&)> oracle;
  std::vector<Shapes> cases;  ///< Input shapes: small, odd, 1 and 0 among them.
  Domain domain = {};
  std::vector<Shapes> bad = {};  ///< Input shapes that f must reject.
  Shapes big = {};               ///< Enough elements to start threads; one row of each op has them.
};

const std::vector<OpRow>& op_table();

/// "conv2d (stride 2)".
std::string title(const OpRow& row);

}  // namespace kindling::test
