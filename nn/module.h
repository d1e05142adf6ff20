#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "engine/hook.h"
#include "engine/tensor.h"

namespace kindling::nn {

inline namespace KINDLING_PRECISION {
class Module;
}

template <class T>
using Named = std::pair<std::string, T>;  ///< A path like "0.conv.weight", and what is there.

/// Before forward: sees the (first) input; returns another one to use, or an undefined Tensor.
using ForwardPreHook = std::function<Tensor(Module&, const Tensor& x)>;
/// After forward: sees the (first) input and the output; returns another output or none.
using ForwardHook = std::function<Tensor(Module&, const Tensor& x, const Tensor& y)>;
/// During backward, when the gradients around the module are complete. dx is undefined when nobody
/// asked for the gradient of the input, dy when the loss does not depend on the output. Not called
/// when forward() ignores an input that wants one.
using BackwardHook = std::function<void(Module&, const Array& dx, const Array& dy)>;

inline namespace KINDLING_PRECISION {

/// A piece of a model: a function with parameters, made of smaller pieces.
///
/// A module registers what it is made of in its constructor, by name, and owns it:
///
///     struct Mlp : Module {
///       Linear& fc1 = child<Linear>("fc1", 784, 50);
///       Linear& fc2 = child<Linear>("fc2", 50, 10);
///       Tensor forward(const Tensor& x) override { return fc2(relu(fc1(x))); }
///       std::string type() const override { return "Mlp"; }
///     };
///
/// Names follow PyTorch's state_dict, so that weights can travel. A module is called through
/// operator(), which runs the hooks around forward(). An Error that leaves a module gets the
/// module's name put in front. Not copyable, not movable: hooks and parents point at it.
class Module {
 public:
  Module() = default;
  virtual ~Module() = default;
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;

  /// For a model of one input.
  Tensor operator()(const Tensor& x);
  /// For a model of several inputs, which overrides forward_all(). Throws Error for no input.
  Tensor operator()(std::vector<Tensor> xs);

  /// Everything of this module and below it, by path, in the order of registration, parents first.
  /// @{
  std::vector<Named<Tensor>> named_parameters() const;
  std::vector<Named<Tensor>> named_buffers() const;
  /// @}
  /// The same of modules, beginning with this one, whose path is "".
  std::vector<Named<Module*>> named_modules();
  /// The parameters without their paths.
  std::vector<Tensor> parameters() const;
  /// Those directly below this module.
  std::vector<Named<Module*>> children() const;

  /// Calls fn for every module of the tree, children before their parent.
  void apply(const std::function<void(Module&)>& fn);

  /// Sets the mode, of the whole tree, and nothing else.
  /// @{
  void train(bool on = true);
  void eval() { train(false); }
  /// @}
  /// The mode of this module alone; a new one is in training.
  bool training() const { return training_; }

  /// Leaves every parameter without a gradient.
  void zero_grad() const;

  /// The name of its class, such as "Conv2d".
  virtual std::string type() const = 0;
  /// What sets this one apart from others of its type; to_string() puts it in brackets.
  virtual std::string extra() const { return ""; }
  /// The tree, a module a line.
  std::string to_string() const;

  /// Hooks run in the order of registration until their handle goes away. A forward hook that
  /// returns nothing is welcome too: it only looks.
  /// @{
  template <class Fn>
  HookHandle register_forward_pre_hook(Fn fn) {
    return pre_hooks_.add(returning_tensor<ForwardPreHook, Module&, const Tensor&>(std::move(fn)));
  }
  template <class Fn>
  HookHandle register_forward_hook(Fn fn) {
    return hooks_.add(
        returning_tensor<ForwardHook, Module&, const Tensor&, const Tensor&>(std::move(fn)));
  }
  HookHandle register_backward_hook(BackwardHook fn) { return backward_hooks_.add(std::move(fn)); }
  /// @}

 protected:
  /// What the module computes. Is called through operator(), for the sake of the hooks. Throws
  /// ShapeError for an x that does not fit.
  virtual Tensor forward(const Tensor& x) = 0;
  /// All inputs at once; unless overridden, exactly one is expected. A module of several overrides
  /// it and checks how many came; its forward() is then never called, and may throw.
  virtual Tensor forward_all(std::span<const Tensor> xs);

  /// What a constructor registers. Each throws Error for a name that is empty, has a dot in it or
  /// is taken.
  template <class M, class... Args>
  M& child(const std::string& name, Args&&... args) {
    auto module = std::make_unique<M>(std::forward<Args>(args)...);
    M& reference = *module;
    add_child(name, std::move(module));
    return reference;
  }
  /// The same for a module that was made already. Throws Error for null, too.
  Module& add_child(const std::string& name, std::unique_ptr<Module> module);
  /// A tensor that wants a gradient. What it returns is one more handle on it: to change it later,
  /// set its value.
  Tensor parameter(const std::string& name, Array value);
  /// A tensor that is part of the state but is not trained.
  Tensor buffer(const std::string& name, Array value);

 private:
  template <class Hook, class... Args, class Fn>
  static Hook returning_tensor(Fn fn) {
    if constexpr (std::is_void_v<std::invoke_result_t<Fn&, Args...>>)
      return [fn = std::move(fn)](Args... args) mutable { return fn(args...), Tensor(); };
    else
      return fn;
  }
  Tensor call(std::span<Tensor> xs);
  Tensor run(std::span<Tensor> xs);
  void check_name(const std::string& name) const;
  template <class Visit>
  void walk(const std::string& path, const Visit& visit);
  std::vector<Named<Tensor>> collect(std::vector<Named<Tensor>> Module::*list) const;
  void print(std::string& out, int depth) const;

  std::string name_;  ///< In its parent; empty for a root.
  bool training_ = true;
  std::vector<Named<Tensor>> parameters_, buffers_;
  std::vector<Named<std::unique_ptr<Module>>> children_;
  HookList<ForwardPreHook> pre_hooks_;
  HookList<ForwardHook> hooks_;
  HookList<BackwardHook> backward_hooks_;
  /// Dies with the module: how a graph that outlives it can tell.
  std::shared_ptr<Module*> alive_ = std::make_shared<Module*>(this);
};

}  // namespace KINDLING_PRECISION

/// A new M(args...), as Sequential and add_child() take it.
template <class M, class... Args>
std::unique_ptr<Module> make(Args&&... args) {
  return std::make_unique<M>(std::forward<Args>(args)...);
}

}  // namespace kindling::nn
