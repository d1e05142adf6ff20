#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "engine/tensor.h"

namespace kindling {

/// The identity of an op: a static of the source file that implements it. Constructing one enters
/// it in the registry, and a test walks the registry, so that no op goes without a gradient check.
struct Op {
  explicit Op(const char* name);  ///< A name that outlives it, such as a literal.
  const char* name;               ///< As messages and op_name() have it.
};
/// All ops of the program, in the order in which they were constructed.
const std::vector<const Op*>& op_registry();

/// Where a backward function leaves the gradients of its op's inputs.
class Grads {
 public:
  explicit Grads(Node& node) : node_(node) {}  ///< Of the inputs of `node`, which must outlive it.
  /// False when nobody asked for the gradient of input i: do not compute it.
  bool needs(int i) const;
  /// Adds to the gradient of input i < inputs(). A gradient of a shape that the input broadcasts to
  /// is summed back to the input's own. Throws ShapeError for any other shape.
  void add(int i, Lazy gradient);
  /// The gradient of input i so far.
  const Lazy& sum(int i) const;
  int inputs() const;  ///< How many the op has, those without a gradient included.

 private:
  Node& node_;
};

/// Given the gradient of the loss by an op's output, adds those by its inputs. Captures the Arrays
/// it needs and never the output Tensor, which would be a cycle that nobody frees. dy is its to
/// keep or to write over (kernels::map_over): then it takes an Array&&. One that only reads it
/// takes a const Array&, and one that can do without it, a Lazy&&.
using BackwardFn = RecycledFunction<void(Lazy&& dy, Grads& grads)>;

/// One entry of the tape. It holds no value of its own: an array that no backward function captured
/// is freed as soon as the last Tensor on it is gone.
struct Node {
  Node(const Op* op, const Shape& shape);  ///< Takes the next number; has no inputs yet.
  ~Node();
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  const Op* op;               ///< Null for a leaf.
  Shape shape;                ///< Of the value, and so of its gradient.
  std::uint64_t number;       ///< Creation order, which is a topological order.
  std::uint64_t visited = 0;  ///< The backward pass that saw it last.
  bool released = false;      ///< A backward pass took its inputs and its function.
  bool retains_grad = false;  ///< Keeps its gradient, also if it is no leaf.
  Array grad;                 ///< What Tensor::grad() shows.
  Lazy cotangent;             ///< The gradient under construction during a backward pass.
  RecycledVector<std::shared_ptr<Node>> inputs;  ///< Null where no gradient is required.
  BackwardFn backward;                           ///< None in a leaf.
  HookList<GradHook> hooks;                      ///< Those of Tensor::register_hook().
  std::shared_ptr<Node> next_orphan;             ///< While the graph is taken apart.
};

/// The only way onto the tape: wraps the value of an op; when gradients are on and one of the
/// inputs requires one, remembers how to go back. The Op outlives the program's last tensor: it is
/// a static one (a temporary does not compile).
/// @{
Tensor record(const Op& op, Lazy value, std::initializer_list<Tensor> inputs, BackwardFn backward);
Tensor record(const Op& op, Lazy value, const std::vector<Tensor>& inputs, BackwardFn backward);
Tensor record(const Op&&, Lazy, std::initializer_list<Tensor>, BackwardFn) = delete;
Tensor record(const Op&&, Lazy, const std::vector<Tensor>&, BackwardFn) = delete;
/// @}

/// While one of these lives, this thread records nothing: evaluation costs no tape.
class [[nodiscard]] NoGrad {
 public:
  NoGrad();
  ~NoGrad();
  NoGrad(const NoGrad&) = delete;
  NoGrad& operator=(const NoGrad&) = delete;

 private:
  bool before_;
};
bool grad_enabled();  ///< No NoGrad lives in this thread.

}  // namespace kindling
