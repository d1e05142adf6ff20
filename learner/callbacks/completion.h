#pragma once

#include <cstdio>

#include "learner/learner.h"

namespace kindling {

/// Counts the batches of a fit and reports the count after it: the smallest useful callback. (Of a
/// fit that goes on from a checkpoint, those since then.)
class CompletionCB : public Callback {
 public:
  /// Reports to `out`, or not at all when that is null.
  explicit CompletionCB(std::FILE* out = stdout) : out_(out) {}

  void before_fit(Learner& learn) override {
    if (!learn.rehearses) count_ = 0;
  }
  void after_batch(Learner& learn) override {
    if (!learn.rehearses) ++count_;
  }
  void after_fit(Learner& learn) override {
    if (out_ && !learn.rehearses)
      std::fprintf(out_, "Completed %ld batches\n", static_cast<long>(count_));
  }
  /// Of the current or latest fit, training and validation together.
  Index count() const { return count_; }

 private:
  std::FILE* out_;
  Index count_ = 0;
};

}  // namespace kindling
