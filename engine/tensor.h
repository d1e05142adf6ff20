#pragma once

#include <functional>
#include <memory>
#include <string>

#include "engine/array.h"
#include "engine/hook.h"
#include "engine/lazy.h"

namespace kindling {

struct Node;  // one entry of the tape, see tape.h

/// Sees the gradient of a tensor as soon as it is complete. Returns what to use instead, or an
/// undefined Array to leave it as it is.
using GradHook = std::function<Array(const Array& grad)>;

inline namespace KINDLING_PRECISION {

/// A handle on a value that gradients can flow through: an Array and, when a gradient is wanted,
/// the tape node that made it. Copies of a handle are the same tensor.
///
/// Leaves (parameters, inputs) are made here, everything else by the ops in engine/ops. First
/// derivatives only: gradients are Arrays, not Tensors.
class Tensor {
 public:
  /// No tensor at all; defined() is false.
  Tensor() = default;
  /// A leaf, which shares the array's buffer. Throws Error for an undefined array.
  explicit Tensor(Array value, bool requires_grad = false);
  /// A constant of shape (), so that `x * 2` can be written.
  Tensor(Scalar constant);  // NOLINT: implicit on purpose

  /// There is a tensor. Where there is none, all that follows throws Error.
  bool defined() const { return impl_ != nullptr; }
  /// Computed now, if the op that made it put that off (see lazy.h). That of a temporary shares the
  /// buffer and may be kept.
  /// @{
  const Array& value() const&;
  const Array value() const&& { return value(); }  // const: to read it copies nothing
  /// @}
  /// Known before the value is computed. dim(-1) is the last axis; ShapeError when there is no such
  /// axis.
  /// @{
  const Shape& shape() const;
  Index dim(int axis) const { return shape()[axis]; }
  int rank() const { return shape().rank(); }
  Index size() const { return shape().size(); }
  /// @}
  /// The only element. Throws ShapeError unless size() is 1.
  Scalar item() const { return value().item(); }

  /// Replaces the value of a leaf: what an optimizer does. Throws ShapeError when the shape
  /// changes, Error when this is not a leaf.
  void set_value(Array value);
  /// The value, to be changed in place. A graph that still holds the old elements keeps them.
  /// Throws Error when this is not a leaf.
  Array& mutable_value();

  /// A gradient was asked for, here or of something that this was computed from on the tape.
  bool requires_grad() const;
  /// Asks for a gradient, or no longer; returns *this. Throws Error when this is not a leaf.
  Tensor& set_requires_grad(bool on);
  /// No recorded op made it; true also of what was computed without gradients.
  bool is_leaf() const;
  /// The name of the op that made it, "leaf" for a leaf.
  const char* op_name() const;

  /// The sum of the gradients of all backward passes since it was last cleared; undefined before
  /// the first. Kept for leaves, and for others after retain_grad().
  const Array& grad() const;
  /// An undefined one clears it. Throws ShapeError for a gradient of another shape, and Error when
  /// none is required.
  void set_grad(Array grad);
  void zero_grad();  ///< Leaves grad() undefined.
  /// Keeps the gradient though this is no leaf. Throws Error when no gradient is required.
  void retain_grad();

  /// Runs the tape backwards from here and adds to grad() of every leaf that asked. Without an
  /// argument the tensor must hold one element (a loss). The graph is released as it is walked
  /// unless it is retained; a second pass over a released graph throws Error. When a backward
  /// function or a hook throws, leaves that were reached before keep what they got, and the part of
  /// the graph that was walked is released.
  void backward(bool retain_graph = false) const;
  /// The same from a given cotangent of this tensor's shape. One that is moved in may be written
  /// over.
  void backward(Array cotangent, bool retain_graph = false) const;

  /// The same value, cut off from the tape.
  Tensor detach() const;

  /// Calls the hook when this tensor's gradient is complete, before it flows on. The hook may go
  /// backward itself; where the two passes share a part of the graph, with retain_graph = true.
  /// Throws Error when no gradient is required.
  HookHandle register_hook(GradHook hook) const;

  /// For the tape and the ops: a value with the node that made it, and both of them. The node is
  /// null where no gradient is required.
  /// @{
  Tensor(Lazy value, std::shared_ptr<Node> node);
  const std::shared_ptr<Node>& node() const;
  const Lazy& lazy_value() const;
  /// @}

 private:
  struct Impl {
    Lazy value;
    std::shared_ptr<Node> node;  // null when no gradient is required
  };
  Impl& impl(const char* who) const;
  Node& wanted_node(const char* who) const;
  std::shared_ptr<Impl> impl_;
};

}  // namespace KINDLING_PRECISION

/// The text of its value, which is computed if need be.
std::string to_string(const Tensor& x);

}  // namespace kindling
