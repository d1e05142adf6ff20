#pragma once

#include <functional>
#include <string>
#include <vector>

#include "learner/learner.h"
#include "learner/plot/charts.h"

namespace kindling {

/// Writes down any numbers in every training batch, and draws them.
///
///     RecorderCB recorder;
///     recorder.add("lr", [](const Learner& learn) { return learn.opt->lr(); });
///     ...
///     recorder.plot("lr.png");
class RecorderCB : public Callback {
 public:
  /// A number to be asked of the learner.
  using Quantity = std::function<double(const Learner&)>;

  /// Asked before the batch is over: gradients are there no more, loss and predictions are. Throws
  /// Error for a name that is taken or empty, or an empty function.
  void add(const std::string& name, Quantity quantity);
  /// Of every training batch of the latest fit. Throws Error when there is no such quantity.
  const std::vector<double>& operator[](const std::string& name) const;
  /// One panel, a line for each, over batches. Throws std::runtime_error when it cannot be written.
  void plot(const std::string& path) const;

  void before_fit(Learner& learn) override;
  void after_batch(Learner& learn) override;
  std::string state_name() const override { return "recorder"; }
  void state(Archive& archive) override;

 private:
  std::vector<Quantity> quantities_;
  std::vector<plot::Series> records_;  ///< One for each of them.
};

}  // namespace kindling
