#include "engine/tensor.h"

#include <utility>

#include "engine/error.h"
#include "engine/tape.h"

namespace kindling {
inline namespace KINDLING_PRECISION {

Tensor::Tensor(Lazy value, std::shared_ptr<Node> node)
    : impl_(make_recycled<Impl>(Impl{std::move(value), std::move(node)})) {
  check<Error>(impl_->value.defined(), "tensor", "the array is undefined");
}

Tensor::Tensor(Array value, bool requires_grad) : Tensor(std::move(value), nullptr) {
  set_requires_grad(requires_grad);
}

Tensor::Tensor(Scalar constant) : Tensor(Array::scalar(constant), nullptr) {}

Tensor::Impl& Tensor::impl(const char* who) const {
  check<Error>(defined(), who, "the tensor is undefined");
  return *impl_;
}

Node& Tensor::wanted_node(const char* who) const {
  check<Error>(impl(who).node != nullptr, who, shape(), ": no gradient is required here");
  return *impl_->node;
}

const Array& Tensor::value() const& { return lazy_value().get(); }
const Lazy& Tensor::lazy_value() const { return impl("tensor").value; }
const Shape& Tensor::shape() const { return lazy_value().shape(); }

Array& Tensor::mutable_value() {
  check<Error>(is_leaf(), "mutable_value", shape(), ": only a leaf can be changed, this is '",
               op_name(), "'");
  return impl("mutable_value").value.get();
}

void Tensor::set_value(Array value) {
  check<Error>(value.defined(), "set_value", "an undefined array for a tensor of ", shape());
  check(value.shape() == shape(), "set_value", value.shape(), " for a tensor of ", shape());
  mutable_value() = std::move(value);
}

bool Tensor::requires_grad() const { return impl("requires_grad").node != nullptr; }

bool Tensor::is_leaf() const {
  const auto& node = impl("is_leaf").node;
  return !node || !node->op;
}

const char* Tensor::op_name() const { return is_leaf() ? "leaf" : impl_->node->op->name; }

Tensor& Tensor::set_requires_grad(bool on) {
  check<Error>(is_leaf(), "set_requires_grad", shape(), ": only a leaf can be asked, this is '",
               op_name(), "'");
  if (on && !impl_->node) impl_->node = make_recycled<Node>(nullptr, shape());
  if (!on) impl_->node = nullptr;
  return *this;
}

const Array& Tensor::grad() const {
  static const Array none;
  const auto& node = impl("grad").node;
  return node ? node->grad : none;
}

void Tensor::set_grad(Array grad) {
  check(!grad.defined() || grad.shape() == shape(), "set_grad", grad.shape(), " for a tensor of ",
        shape());
  wanted_node("set_grad").grad = std::move(grad);
}

void Tensor::zero_grad() {
  if (const auto& node = impl("zero_grad").node) node->grad = Array();
}

void Tensor::retain_grad() { wanted_node("retain_grad").retains_grad = true; }

Tensor Tensor::detach() const { return Tensor(value()); }

HookHandle Tensor::register_hook(GradHook hook) const {
  return wanted_node("register_hook").hooks.add(std::move(hook));
}

const std::shared_ptr<Node>& Tensor::node() const { return impl("node").node; }

}  // namespace KINDLING_PRECISION

std::string to_string(const Tensor& x) {
  return x.defined() ? to_string(x.value()) : std::string("(undefined)");
}

}  // namespace kindling
