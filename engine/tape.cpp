#include "engine/tape.h"

#include <algorithm>
#include <atomic>

#include "engine/anomaly.h"
#include "engine/error.h"
#include "engine/kernels/reduce.h"
#include "engine/kernels/update.h"
#include "engine/trace.h"

namespace kindling {

namespace {

std::atomic<std::uint64_t> next_number{1};
std::atomic<std::uint64_t> next_pass{1};
thread_local bool grad_on = true;

std::vector<const Op*>& registry() {
  static std::vector<const Op*> ops;
  return ops;
}

/// into += gradient. The first gradient is taken by sharing its buffer; a buffer that somebody else
/// holds too is never written.
void accumulate(Array& into, Array gradient) {
  if (!into.defined())
    into = std::move(gradient);
  else
    kernels::add_scaled(into, 1, gradient);
}

/// The same, and a first gradient that is not computed yet stays so.
void accumulate(Lazy& into, Lazy gradient) {
  if (!into.defined())
    into = std::move(gradient);
  else
    kernels::add_scaled(into.get(), 1, gradient);
}

}  // namespace

Op::Op(const char* op_name) : name(op_name) { registry().push_back(this); }

const std::vector<const Op*>& op_registry() { return registry(); }

NoGrad::NoGrad() : before_(std::exchange(grad_on, false)) {}
NoGrad::~NoGrad() { grad_on = before_; }
bool grad_enabled() { return grad_on; }

bool Grads::needs(int i) const { return node_.inputs[i] != nullptr; }
const Lazy& Grads::sum(int i) const { return node_.inputs[i]->cotangent; }
int Grads::inputs() const { return static_cast<int>(node_.inputs.size()); }

void Grads::add(int i, Lazy gradient) {
  if (!needs(i)) return;
  Node& input = *node_.inputs[i];
  if (gradient.shape() != input.shape) {
    check(broadcasts_to(input.shape, gradient.shape()), node_.op->name, "gradient ",
          gradient.shape(), " of input ", i, " ", input.shape, ": its shape expected");
    gradient = kernels::sum_to(gradient, input.shape);
  }
  accumulate(input.cotangent, std::move(gradient));
}

Node::Node(const Op* made_by, const Shape& value_shape)
    : op(made_by),
      shape(value_shape),
      number(next_number.fetch_add(1, std::memory_order_relaxed)) {}

/// Takes the graph behind this node apart one node after the other: a chain of millions of nodes
/// must not become millions of nested destructor calls. Those whose turn is to come hang on each
/// other, as a list would ask for memory, which a destructor may not be refused.
Node::~Node() {
  std::shared_ptr<Node> orphans;
  const auto orphan = [&](Node& parent) {
    for (std::shared_ptr<Node>& input : parent.inputs) {
      std::shared_ptr<Node> node = std::move(input);
      if (!node || node.use_count() > 1) continue;
      node->next_orphan = std::move(orphans);
      orphans = std::move(node);
    }
  };
  orphan(*this);
  while (orphans) {
    const std::shared_ptr<Node> node = std::move(orphans);
    orphans = std::move(node->next_orphan);
    orphan(*node);
  }
}

namespace {

template <class Inputs>
Tensor record_on_tape(const Op& op, Lazy value, const Inputs& inputs, BackwardFn backward) {
  const bool wanted = grad_on && std::any_of(inputs.begin(), inputs.end(),
                                             [](const Tensor& x) { return x.requires_grad(); });
  const bool traced = trace::tracing();
  if (traced) [[unlikely]]
    trace::forward(op, value, {std::data(inputs), std::size(inputs)});
  if (anomaly::detecting()) [[unlikely]] {
    anomaly::check_forward(op, value, {std::data(inputs), std::size(inputs)});
    if (wanted) backward = anomaly::watched(op, std::move(backward));
  }
  if (!wanted) return Tensor(std::move(value), nullptr);
  auto node = make_recycled<Node>(&op, value.shape());
  node->inputs.reserve(inputs.size());
  for (const Tensor& x : inputs) node->inputs.push_back(x.node());
  node->backward = std::move(backward);
  if (traced) [[unlikely]]
    trace::recorded(*node);
  return Tensor(std::move(value), std::move(node));
}

}  // namespace

Tensor record(const Op& op, Lazy value, std::initializer_list<Tensor> inputs, BackwardFn backward) {
  return record_on_tape(op, std::move(value), inputs, std::move(backward));
}

Tensor record(const Op& op, Lazy value, const std::vector<Tensor>& inputs, BackwardFn backward) {
  return record_on_tape(op, std::move(value), inputs, std::move(backward));
}

namespace {

/// Everything that `root` depends on and that wants a gradient, outputs first. A node is made after
/// its inputs, so sorting by number is all there is to a topological order.
RecycledVector<std::shared_ptr<Node>> outputs_first(const std::shared_ptr<Node>& root) {
  const std::uint64_t pass = next_pass.fetch_add(1, std::memory_order_relaxed);
  RecycledVector<std::shared_ptr<Node>> order{root};
  root->visited = pass;
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (order[i]->released)  // only an op's node can be
      throw Error(str("[backward] the graph of '", order[i]->op->name, "' ", order[i]->shape,
                      " was released by an earlier backward(); call that one with retain_graph = "
                      "true"));
    for (std::size_t k = 0; k < order[i]->inputs.size(); ++k) {
      const std::shared_ptr<Node>& input = order[i]->inputs[k];
      if (!input || std::exchange(input->visited, pass) == pass) continue;
      order.push_back(input);
    }
  }
  std::sort(order.begin(), order.end(),
            [](const auto& a, const auto& b) { return a->number > b->number; });
  return order;
}

/// One node's turn: its gradient is complete, so hooks see it, it is kept where it is wanted, and
/// it flows on to the inputs.
void visit(Node& node, bool retain_graph) {
  Lazy dy = std::exchange(node.cotangent, {});
  if (dy.defined()) {
    node.hooks.each([&](const GradHook& hook) {
      if (Array replaced = hook(dy); replaced.defined()) {
        check(replaced.shape() == node.shape, "gradient hook", "returned ", replaced.shape(),
              " for a gradient of ", node.shape);
        dy = std::move(replaced);
      }
    });
    if (!node.op) {
      accumulate(node.grad, std::move(dy));
    } else {
      if (node.released)  // by a hook, since this pass began: there is no way on
        throw Error(str("[backward] the graph of '", node.op->name, "' ", node.shape,
                        " was released by a backward() of a gradient hook; call that one with "
                        "retain_graph = true"));
      if (node.retains_grad) accumulate(node.grad, dy);
      if (trace::tracing()) [[unlikely]] {
        trace::backward(node, std::move(dy));
      } else {
        Grads grads(node);
        node.backward(std::move(dy), grads);
      }
    }
  }
  if (node.op && !retain_graph) {
    node.backward = nullptr;
    node.inputs.clear();  // cannot recurse: the caller's list still holds them
    node.released = true;
  }
}

}  // namespace

void Tensor::backward(Array cotangent, bool retain_graph) const {
  if (!requires_grad())  // no check(): the text would be put together every time
    throw Error(str("[backward] ", to_string(*this), ": nothing here requires a gradient"));
  check<Error>(cotangent.defined(), "backward", "an undefined cotangent for a tensor of ", shape());
  check(cotangent.shape() == shape(), "backward", "cotangent ", cotangent.shape(),
        " for a tensor of ", shape());
  auto order = outputs_first(impl_->node);
  // Whatever a backward function throws, no half-built gradient stays behind: neither this pass's
  // nor, where a hook called it and both share nodes, what the pass around it has there.
  static thread_local int spoiled = 0;
  struct Cleaner {
    RecycledVector<std::shared_ptr<Node>>& order;
    bool shares;
    ~Cleaner() {
      bool failed = false;  // of a pass that ends well no node is left
      for (auto& node : order)
        if (node) node->cotangent = {}, failed = true;
      if (shares && failed) ++spoiled;
    }
  } cleaner{order, std::any_of(order.begin(), order.end(),
                               [](const auto& node) { return node->cotangent.defined(); })};
  accumulate(impl_->node->cotangent, std::move(cotangent));  // to what a pass around this one has
  const int before = spoiled;
  for (auto& node : order) {
    visit(*node, retain_graph);
    check<Error>(spoiled == before, "backward",
                 "a backward() of a gradient hook failed, and took gradients of this pass with it");
    node.reset();  // and with it the arrays that only its backward function held
  }
}

void Tensor::backward(bool retain_graph) const {
  check(size() == 1, "backward", shape(),
        ": only a tensor of one element starts a backward pass by itself; give a cotangent");
  backward(Array(shape(), Scalar{1}), retain_graph);
}

}  // namespace kindling
