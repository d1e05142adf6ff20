#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "data/dataset.h"
#include "engine/parallel.h"
#include "engine/random.h"
#include "learner/learner.h"

/// What the tests of this folder have in common: something small to fit, and a way to look at it.
namespace kindling::test {

/// n points (n, 3), of class 1 where the coordinates sum to more than 0.
inline TensorDataset points(Index n, std::uint64_t seed = 1) {
  Random random(seed);
  const Array x = random.uniform(Shape{n, 3}, -1, 1);
  IntArray y(Shape{n}, 0);
  for (Index i = 0; i < n; ++i) y.data()[i] = x[3 * i] + x[3 * i + 1] + x[3 * i + 2] > 0 ? 1 : 0;
  return TensorDataset(x, y);
}

/// Two sets of points and the loaders on them, in order unless shuffled.
struct Points {
  TensorDataset train, valid;
  DataLoaders dls;
  explicit Points(Index n_train = 12, Index n_valid = 8, Index batch_size = 4, bool shuffle = false)
      : train(points(n_train, 1)),
        valid(points(n_valid, 2)),
        dls{DataLoader(train, batch_size, shuffle), DataLoader(valid, batch_size)} {}
  Points(const Points&) = delete;
  Points& operator=(const Points&) = delete;
};

inline std::string bits(const Array& array) {
  return {reinterpret_cast<const char*>(array.data()),
          static_cast<std::size_t>(array.size()) * sizeof(Scalar)};
}

/// Every parameter, bit for bit.
inline std::string bits(const nn::Module& model) {
  std::string all;
  for (const Tensor& parameter : model.parameters()) all += bits(parameter.value());
  return all;
}

/// A file that is gone when it is closed.
struct TemporaryFile {
  std::FILE* file = std::tmpfile();
  TemporaryFile() = default;
  ~TemporaryFile() { std::fclose(file); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  /// Everything in it so far.
  std::string text() const {
    std::fflush(file);
    std::rewind(file);
    std::string all;
    for (int c; (c = std::fgetc(file)) != EOF;) all += static_cast<char>(c);
    return all;
  }
};

/// A number of threads, for as long as it lives.
class Threads {
 public:
  explicit Threads(int n) : before_(max_threads()) { set_threads(n); }
  ~Threads() { set_threads(before_); }
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;

 private:
  int before_;
};

/// One method for all eighteen events.
class EveryEvent : public Callback {
 public:
  using Callback::Callback;
  virtual void any(const std::string& event, Learner& learn) = 0;

  void before_fit(Learner& l) override { any("before_fit", l); }
  void before_epoch(Learner& l) override { any("before_epoch", l); }
  void before_batch(Learner& l) override { any("before_batch", l); }
  void predict(Learner& l) override { any("predict", l); }
  void after_predict(Learner& l) override { any("after_predict", l); }
  void get_loss(Learner& l) override { any("get_loss", l); }
  void after_loss(Learner& l) override { any("after_loss", l); }
  void backward(Learner& l) override { any("backward", l); }
  void after_backward(Learner& l) override { any("after_backward", l); }
  void step(Learner& l) override { any("step", l); }
  void after_step(Learner& l) override { any("after_step", l); }
  void zero_grad(Learner& l) override { any("zero_grad", l); }
  void after_batch(Learner& l) override { any("after_batch", l); }
  void cleanup_batch(Learner& l) override { any("cleanup_batch", l); }
  void after_epoch(Learner& l) override { any("after_epoch", l); }
  void cleanup_epoch(Learner& l) override { any("cleanup_epoch", l); }
  void after_fit(Learner& l) override { any("after_fit", l); }
  void cleanup_fit(Learner& l) override { any("cleanup_fit", l); }
};

/// Calls a function for every event.
class OnEvent : public EveryEvent {
 public:
  using Fn = std::function<void(const std::string& event, Learner& learn)>;
  explicit OnEvent(Fn fn, int order = 0) : EveryEvent(order), fn_(std::move(fn)) {}
  void any(const std::string& event, Learner& learn) override { fn_(event, learn); }

 private:
  Fn fn_;
};

}  // namespace kindling::test
