#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "engine/parallel.h"
#include "nn/module.h"

namespace kindling::test {

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
