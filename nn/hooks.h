#pragma once

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "nn/module.h"

namespace kindling::nn {

/// A forward hook that owns what it finds out: the function gets the State to write into, next to
/// the module, its input and its output. Removes itself when it goes away.
template <class State>
class Hook {
 public:
  /// What runs after forward(). It looks on: the output stays as it is.
  using Fn = std::function<void(State&, Module&, const Tensor& x, const Tensor& y)>;

  /// Begins with a State{}. The module may die first.
  Hook(Module& module, Fn fn)
      : state_(std::make_unique<State>()),
        handle_(module.register_forward_hook(
            [state = state_.get(), fn = std::move(fn)](
                Module& m, const Tensor& x, const Tensor& y) { fn(*state, m, x, y); })) {}

  /// What was found out so far.
  /// @{
  State& state() { return *state_; }
  const State& state() const { return *state_; }
  State* operator->() { return state_.get(); }
  /// @}
  /// Removes the hook from its module; the State stays.
  void remove() { handle_.remove(); }

 private:
  std::unique_ptr<State> state_;  // outlives the handle, which is destroyed first
  HookHandle handle_;
};

/// The same hook on several modules: a range of Hook, and a scope, at whose end all are removed.
template <class State>
class Hooks {
 public:
  Hooks() = default;
  /// A Hook for each module, in this order, each with a copy of fn.
  Hooks(const std::vector<Module*>& modules, const typename Hook<State>::Fn& fn) {
    for (Module* module : modules) hooks_.emplace_back(*module, fn);
  }

  /// One Hook a module, in their order. An index is not checked.
  /// @{
  auto begin() { return hooks_.begin(); }
  auto end() { return hooks_.end(); }
  auto begin() const { return hooks_.begin(); }
  auto end() const { return hooks_.end(); }
  std::size_t size() const { return hooks_.size(); }
  Hook<State>& operator[](std::size_t i) { return hooks_[i]; }
  const Hook<State>& operator[](std::size_t i) const { return hooks_[i]; }
  /// @}
  /// Removes the hooks from their modules; what they found out stays readable.
  void remove() {
    for (auto& hook : hooks_) hook.remove();
  }

 private:
  std::vector<Hook<State>> hooks_;
};

}  // namespace kindling::nn
