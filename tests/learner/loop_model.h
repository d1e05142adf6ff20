#pragma once

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

/// The loop that learner/callback.h describes, a second time: without exceptions, callbacks or a
/// Learner, only with what ought to be seen. Tests compare the real one with it.
namespace kindling::test {

enum class Thrown { nothing, cancel_step, cancel_batch, cancel_epoch, cancel_fit, error };

/// A fit, and the moment at which something is thrown: the occurrence-th time (from 1) of an event.
struct Plan {
  int epochs = 2, train_batches = 3, valid_batches = 2;
  Thrown what = Thrown::nothing;
  std::string event = "";
  int occurrence = 0;
  bool steps_first = false;  ///< Are the five steps taken before the exception is thrown, or not?
};

constexpr int kOpen = -1;  ///< Left open: anything may stand there.

/// What a callback sees when it is called.
struct Sight {
  std::string who = "", event = "";
  int epoch = kOpen, iter = kOpen, training = kOpen;
  int mode = kOpen, records = kOpen;  ///< Of the model; and whether gradients are recorded.
  int preds = kOpen, loss = kOpen;    ///< Are they there?

  std::string text() const {
    std::string line = who + " " + event;
    for (const auto& [name, value] : {std::pair{"epoch", epoch},
                                      {"iter", iter},
                                      {"train", training},
                                      {"mode", mode},
                                      {"records", records},
                                      {"preds", preds},
                                      {"loss", loss}})
      if (value != kOpen) line += std::string(" ") + name + "=" + std::to_string(value);
    return line;
  }
};

/// Plays a plan. Two callbacks watch: "early" comes before whoever throws, "late" behind.
class LoopModel {
 public:
  explicit LoopModel(Plan plan) : plan_(std::move(plan)) {
    escaped = scope("fit", Thrown::cancel_fit, [this] { return all_epochs(); });
  }

  std::vector<Sight> sights;
  std::map<std::string, int> counts;  ///< How often each event came.
  Thrown escaped = Thrown::nothing;   ///< What reaches the caller.

 private:
  using Body = std::function<Thrown()>;

  Thrown scope(const std::string& name, Thrown own, const Body& body) {
    Thrown thrown = event("before_" + name);
    if (thrown == Thrown::nothing) thrown = body();
    if (thrown == Thrown::nothing) thrown = event("after_" + name);
    if (name == "fit") now_.records = 1;
    Thrown late = event("cleanup_" + name);
    if (thrown == own) thrown = Thrown::nothing;
    if (late == own) late = Thrown::nothing;
    return thrown != Thrown::nothing ? thrown : late;
  }

  Thrown all_epochs() {
    for (int epoch = 0; epoch < plan_.epochs; ++epoch)
      for (const bool train : {true, false}) {
        now_ = Sight{"", "", epoch, kOpen, train, train, train};
        const Thrown thrown =
            scope("epoch", Thrown::cancel_epoch, [&, this] { return one_pass(train); });
        if (thrown != Thrown::nothing) return thrown;
      }
    now_ = Sight{.records = 1};
    return Thrown::nothing;
  }

  Thrown one_pass(bool train) {
    for (int i = 0; i < (train ? plan_.train_batches : plan_.valid_batches); ++i) {
      now_.iter = i;
      now_.preds = now_.loss = 0;
      const Thrown thrown =
          scope("batch", Thrown::cancel_batch, [&, this] { return steps(train); });
      now_.preds = now_.loss = kOpen;
      if (thrown != Thrown::nothing) return thrown;
    }
    now_.iter = kOpen;
    return Thrown::nothing;
  }

  Thrown steps(bool train) {
    std::vector<std::string> names{"predict", "after_predict", "get_loss", "after_loss"};
    if (train)
      for (const char* name : {"backward", "after_backward", "step", "after_step", "zero_grad"})
        names.push_back(name);
    bool in_step = false;  // where CancelStep is at home
    for (const std::string& name : names) {
      in_step = in_step || name == "after_backward";
      const Thrown thrown = event(name);
      if (thrown == Thrown::cancel_step && in_step) return Thrown::nothing;
      if (thrown != Thrown::nothing) return thrown;
    }
    return Thrown::nothing;
  }

  Thrown event(const std::string& name) {
    see("early", name);
    const bool here = ++counts[name] == plan_.occurrence && name == plan_.event;
    if (!here || plan_.steps_first) {
      if (name == "predict") now_.preds = 1;
      if (name == "get_loss") now_.loss = 1;
    }
    if (!here || name.starts_with("cleanup")) see("late", name);
    return here ? plan_.what : Thrown::nothing;
  }

  void see(const std::string& who, const std::string& name) {
    Sight sight = now_;
    sight.who = who;
    sight.event = name;
    sights.push_back(sight);
  }

  Plan plan_;
  Sight now_{.records = 1};
};

}  // namespace kindling::test
