#pragma once

#include <functional>
#include <string>
#include <typeinfo>
#include <utility>
#include <vector>

#include "engine/error.h"
#include "engine/parallel.h"
#include "nn/module.h"

namespace kindling::test {

/// The message of the E that f throws. Everything else passes through; so does a subclass of E,
/// for the caller named the type it expects.
template <class E, class F>
std::string message_of(const F& f) {
  try {
    f();
  } catch (const E& error) {
    if (typeid(error) != typeid(E)) throw;
    return error.what();
  }
  return "(nothing was thrown)";
}

/// A module that is whatever its function is, and lets a test register what it likes.
class Probe : public nn::Module {
 public:
  using Fn = std::function<Tensor(const Tensor&)>;
  explicit Probe(Fn fn = [](const Tensor& x) { return x; }) : fn_(std::move(fn)) {}
  using Module::add_child;
  using Module::buffer;
  using Module::child;
  using Module::parameter;
  std::string type() const override { return "Probe"; }

 protected:
  Tensor forward(const Tensor& x) override { return fn_(x); }

 private:
  Fn fn_;
};

template <class T>
std::vector<std::string> paths(const std::vector<nn::Named<T>>& named) {
  std::vector<std::string> result;
  for (const auto& [path, what] : named) result.push_back(path);
  return result;
}

/// Puts the number of threads back.
class ThreadsGuard {
 public:
  ThreadsGuard() = default;
  ThreadsGuard(const ThreadsGuard&) = delete;
  ~ThreadsGuard() { set_threads(before_); }

 private:
  int before_ = max_threads();
};

}  // namespace kindling::test
