#pragma once

#include <functional>
#include <string>
#include <vector>

#include "learner/learner.h"
#include "learner/plot/canvas.h"

namespace kindling {

/// When a RecorderCB asks for a number.
enum class RecordAt {
  after_batch,     ///< Of training: the loss and predictions are there, gradients no more.
  after_backward,  ///< Before each step: gradients, gathered if that is done, and not yet clipped.
  after_valid,     ///< After a batch of validation.
};

/// Writes down any numbers as the batches go by, and draws them.
///
///     RecorderCB recorder;
///     recorder.add("lr", [](const Learner& learn) { return learn.opt->lr(); });
///     recorder.add("gradients", gradient_norm, RecordAt::after_backward);
///     ...
///     recorder.plot("training.png");
class RecorderCB : public Callback {
 public:
  /// A number to be asked of the learner.
  using Quantity = std::function<double(const Learner&)>;

  /// Throws Error for a name that is taken or empty, or an empty function.
  void add(const std::string& name, Quantity quantity, RecordAt at = RecordAt::after_batch);
  /// All of the latest fit, in order. Throws Error when there is no such quantity.
  const std::vector<double>& operator[](const std::string& name) const;
  /// A panel a quantity, one below the other: each has a scale of its own.
  plot::Canvas picture() const;
  /// The same as a PNG file. Throws std::runtime_error when it cannot be written.
  void plot(const std::string& path) const;

  void before_fit(Learner& learn) override;
  void after_backward(Learner& learn) override { ask(learn, RecordAt::after_backward); }
  void after_batch(Learner& learn) override {
    ask(learn, learn.training ? RecordAt::after_batch : RecordAt::after_valid);
  }
  std::string state_name() const override { return "recorder"; }
  void state(Archive& archive) override;

 private:
  struct Record {
    std::string name;
    Quantity quantity;
    RecordAt at;
    std::vector<double> values;
  };
  void ask(const Learner& learn, RecordAt now);

  std::vector<Record> records_;
};

}  // namespace kindling
