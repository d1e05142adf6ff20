#include "nn/module.h"

#include <algorithm>
#include <optional>

#include "engine/error.h"
#include "engine/ops/layout.h"
#include "engine/tape.h"
#include "engine/where.h"

namespace kindling::nn {

namespace {

/// "0" and "1: [conv2d] ..." make "0.1: [conv2d] ...".
std::string with_module(const std::string& name, const std::string& message) {
  return name + (message.starts_with("[") ? ": " : ".") + message;
}

/// Watches the gradients on both sides of one call of a module. Reshaping to the same shape makes
/// tape nodes that belong to this call alone, with the tensors' gradient hooks on them.
class GradientWatch {
 public:
  GradientWatch(std::weak_ptr<Module*> module, HookList<BackwardHook> hooks)
      : call_(std::make_shared<Call>(Call{std::move(module), std::move(hooks), {}})) {}

  void input(Tensor& x) {
    if (!x.requires_grad()) return;
    watches_input_ = true;
    x = reshape(x, x.shape());
    x.register_hook([call = call_](const Array& dx) {
       call->run(dx);
       return Array();
     }).release();
  }

  void output(Tensor& y) {
    if (!y.requires_grad()) return;
    y = reshape(y, y.shape());
    y.register_hook([call = call_, last = !watches_input_](const Array& dy) {
       call->dy = dy;
       if (last) call->run(Array());
       return Array();
     }).release();
  }

 private:
  struct Call {
    std::weak_ptr<Module*> module;
    HookList<BackwardHook> hooks;
    Array dy;
    void run(const Array& dx) {
      if (const auto alive = module.lock())
        hooks.each([&](const BackwardHook& hook) { hook(**alive, dx, dy); });
      dy = Array();
    }
  };
  std::shared_ptr<Call> call_;
  bool watches_input_ = false;
};

}  // namespace

inline namespace KINDLING_PRECISION {

Tensor Module::operator()(const Tensor& x) {
  Tensor xs[] = {x};
  return call(xs);
}

Tensor Module::operator()(std::vector<Tensor> xs) { return call(xs); }

Tensor Module::call(std::span<Tensor> xs) {
  if (name_.empty()) return run(xs);
  const where::Inside inside(name_);
  try {
    return run(xs);
  } catch (const ShapeError& error) {
    throw ShapeError(with_module(name_, error.what()));
  } catch (const Error& error) {
    throw Error(with_module(name_, error.what()));
  }
}

Tensor Module::run(std::span<Tensor> xs) {
  check<Error>(!xs.empty(), "module", type(), ": at least one input expected");
  pre_hooks_.each([&](const ForwardPreHook& hook) {
    if (Tensor replaced = hook(*this, xs[0]); replaced.defined()) xs[0] = std::move(replaced);
  });
  const bool watched = !backward_hooks_.empty() && grad_enabled();
  std::optional<GradientWatch> watch;
  if (watched) watch.emplace(alive_, backward_hooks_).input(xs[0]);
  Tensor y = forward_all(xs);
  hooks_.each([&](const ForwardHook& hook) {
    if (Tensor replaced = hook(*this, xs[0], y); replaced.defined()) y = std::move(replaced);
  });
  if (watch) watch->output(y);
  return y;
}

Tensor Module::forward_all(std::span<const Tensor> xs) {
  check<Error>(xs.size() == 1, "module", type(), ": one input expected, got ", xs.size());
  return forward(xs[0]);
}

void Module::check_name(const std::string& name) const {
  const auto taken = [&](const auto& named) { return named.first == name; };
  const bool free = std::none_of(children_.begin(), children_.end(), taken) &&
                    std::none_of(parameters_.begin(), parameters_.end(), taken) &&
                    std::none_of(buffers_.begin(), buffers_.end(), taken);
  check<Error>(!name.empty() && name.find('.') == std::string::npos && free, "module", "'", name,
               "': a name of its own without a dot expected");
}

Module& Module::add_child(const std::string& name, std::unique_ptr<Module> module) {
  check_name(name);
  check<Error>(module != nullptr, "module", "child '", name, "' is null");
  module->name_ = name;
  children_.emplace_back(name, std::move(module));
  return *children_.back().second;
}

Tensor Module::parameter(const std::string& name, Array value) {
  check_name(name);
  return parameters_.emplace_back(name, Tensor(std::move(value), true)).second;
}

Tensor Module::buffer(const std::string& name, Array value) {
  check_name(name);
  return buffers_.emplace_back(name, Tensor(std::move(value))).second;
}

template <class Visit>
void Module::walk(const std::string& path, const Visit& visit) {
  visit(path, *this);
  for (const auto& [name, module] : children_)
    module->walk(path.empty() ? name : path + "." + name, visit);
}

std::vector<Named<Module*>> Module::named_modules() {
  std::vector<Named<Module*>> modules;
  walk("", [&](const std::string& path, Module& module) { modules.emplace_back(path, &module); });
  return modules;
}

std::vector<Named<Tensor>> Module::collect(std::vector<Named<Tensor>> Module::*list) const {
  std::vector<Named<Tensor>> all;
  for (const auto& [path, module] : const_cast<Module*>(this)->named_modules())
    for (const auto& [name, tensor] : module->*list)
      all.emplace_back(path.empty() ? name : path + "." + name, tensor);
  return all;
}

std::vector<Named<Tensor>> Module::named_parameters() const {
  return collect(&Module::parameters_);
}
std::vector<Named<Tensor>> Module::named_buffers() const { return collect(&Module::buffers_); }

std::vector<Tensor> Module::parameters() const {
  std::vector<Tensor> all;
  for (auto& [path, tensor] : named_parameters()) all.push_back(tensor);
  return all;
}

std::vector<Named<Module*>> Module::children() const {
  std::vector<Named<Module*>> all;
  for (const auto& [name, module] : children_) all.emplace_back(name, module.get());
  return all;
}

void Module::apply(const std::function<void(Module&)>& fn) {
  for (const auto& [name, module] : children_) module->apply(fn);
  fn(*this);
}

void Module::train(bool on) {
  apply([on](Module& module) { module.training_ = on; });
}

void Module::zero_grad() const {
  for (Tensor& parameter : parameters()) parameter.zero_grad();
}

void Module::print(std::string& out, int depth) const {
  out += type() + "(" + extra();
  for (const auto& [name, module] : children_) {
    out += "\n" + std::string(2 * (depth + 1), ' ') + "(" + name + "): ";
    module->print(out, depth + 1);
  }
  if (!children_.empty()) out += "\n" + std::string(2 * depth, ' ');
  out += ")";
}

std::string Module::to_string() const {
  std::string out;
  print(out, 0);
  return out;
}

}  // namespace KINDLING_PRECISION
}  // namespace kindling::nn
