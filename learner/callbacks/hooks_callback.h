#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "engine/error.h"
#include "learner/learner.h"
#include "nn/hooks.h"

namespace kindling {

/// Which modules get a hook.
using ModulePredicate = std::function<bool(const nn::Module&)>;

/// Chooses modules of one type: only<nn::Conv2d>.
template <class M>
bool only(const nn::Module& module) {
  return dynamic_cast<const M*>(&module) != nullptr;
}

/// Hooks the modules a predicate picks for as long as a fit lasts; they are gone when it ends,
/// however it ends, and what they found out stays. A new fit begins with new States.
template <class State>
class HooksCallback : public Callback {
 public:
  /// Called for every forward pass of such a module, with its State, itself, its input and output.
  using Fn = typename nn::Hook<State>::Fn;

  /// `fn` is called where the module is in training mode (on_train), in evaluation (on_valid), or
  /// both. Throws Error for an empty function.
  HooksCallback(Fn fn, ModulePredicate pick, bool on_train = true, bool on_valid = false)
      : fn_(std::move(fn)), pick_(std::move(pick)), on_train_(on_train), on_valid_(on_valid) {
    check<Error>(fn_ && pick_, "hooks", fn_ ? "the predicate" : "the function", " is empty");
  }

  /// Puts the hooks on. A rehearsal has none, and keeps what the fit before found out.
  void before_fit(Learner& learn) override {
    if (learn.rehearses) return;
    names_.clear();
    std::vector<nn::Module*> modules;
    for (const auto& [path, module] : learn.model.named_modules())
      if (pick_(*module)) {
        names_.push_back(path);
        modules.push_back(module);
      }
    hooks_ = nn::Hooks<State>(
        modules, [this](State& state, nn::Module& module, const Tensor& x, const Tensor& y) {
          if (module.training() ? on_train_ : on_valid_) fn_(state, module, x, y);
        });
  }
  /// Takes the hooks off.
  void cleanup_fit(Learner&) override { hooks_.remove(); }

  /// Of the current or latest fit, in the order of named_modules(); hooks()[i].state() is what was
  /// found out. The next fit replaces them.
  const nn::Hooks<State>& hooks() const { return hooks_; }
  /// The same, to be changed: ActivationStats::state() does.
  nn::Hooks<State>& hooks() { return hooks_; }
  /// Path of the module that hook i is on.
  const std::vector<std::string>& names() const { return names_; }

 private:
  Fn fn_;
  ModulePredicate pick_;
  bool on_train_, on_valid_;
  std::vector<std::string> names_;
  nn::Hooks<State> hooks_;
};

}  // namespace kindling
