// The flexible Learner: its events in their order, what cancelling skips, and a training in which
// callbacks of one's own decide what is worth a step and when it is enough.

#include <string>

#include "learner/examples/example.h"
#include "learner/kindling.h"
#include "nn/models.h"

using namespace kindling;

namespace {

/// Writes down every event that comes by.
struct TraceCB : Callback {
  std::string line;
  void say(const char* event) { line += std::string(line.empty() ? "" : " ") + event; }
  void before_fit(Learner&) override { say("before_fit"); }
  void before_epoch(Learner&) override { say("before_epoch"); }
  void before_batch(Learner& learn) override {
    say(("batch " + std::to_string(learn.iter) + ":").c_str());
  }
  void after_predict(Learner&) override { say("predict"); }
  void after_loss(Learner&) override { say("loss"); }
  void after_backward(Learner&) override { say("backward"); }
  void after_step(Learner&) override { say("step"); }
  void after_batch(Learner&) override { say("after_batch"); }
  void cleanup_batch(Learner&) override { say("cleanup_batch\n   "); }
  void after_epoch(Learner&) override { say("after_epoch"); }
  void cleanup_epoch(Learner&) override { say("cleanup_epoch"); }
  void after_fit(Learner&) override { say("after_fit"); }
  void cleanup_fit(Learner&) override { say("cleanup_fit"); }
};

/// Cancels something different in each of the first batches.
struct CancellingCB : Callback {
  CancellingCB() : Callback(-1) {}  // before the trace, which so does not see what was cancelled
  void after_backward(Learner& learn) override {
    if (learn.iter == 1) throw CancelStep();
  }
  void after_loss(Learner& learn) override {
    if (learn.iter == 2) throw CancelBatch();
    if (learn.iter == 3) throw CancelEpoch();
  }
};

/// What the model knows already teaches it little: no backward pass, no step.
struct SkipEasyCB : Callback {
  int steps = 0, skipped = 0;
  void after_loss(Learner& learn) override {
    if (!learn.training) return;
    if (learn.loss.item() < 0.3) {
      ++skipped;
      throw CancelBatch();
    }
    ++steps;
  }
};

struct EnoughCB : Callback {
  explicit EnoughCB(double accuracy) : enough(accuracy) {}
  double enough;
  void after_epoch(Learner& learn) override {
    if (!learn.training && learn.metrics->latest()["accuracy"] >= enough) throw CancelFit();
  }
};

}  // namespace

int main(int argc, char** argv) {
  return run_example("05_learner", argc, argv, [](bool brief) {
    const FashionMnist data = load_fashion_mnist();
    const Subset train = first_rows(data.train, brief ? 12'000 : 60'000);
    const auto model = nn::conv_net();
    nn::kaiming_init(*model);

    // A plain Learner leaves even the five steps to callbacks: TrainCB takes them.
    TrainCB steps;
    TraceCB trace;
    CancellingCB cancelling;
    Learner watched(*model, make_data_loaders(train, data.test, 1024), nn::CrossEntropyLoss(),
                    {.cbs = {&steps, &trace, &cancelling}});
    watched.fit(1, {.valid = false});
    std::printf("%s\n\n", trace.line.c_str());

    // A TrainLearner takes them itself.
    MetricsCB metrics;
    metrics.add<metrics::Accuracy>("accuracy");
    ProgressCB progress;
    SkipEasyCB skip_easy;
    EnoughCB enough(brief ? 0.7 : 0.86);
    TrainLearner learn(*model, make_data_loaders(train, data.test, 128), nn::CrossEntropyLoss(),
                       {.lr = 0.1, .cbs = {&metrics, &progress, &skip_easy, &enough}});
    learn.fit(10);
    const int epochs = static_cast<int>(metrics.history().size()) / 2;  // two passes each
    std::printf("enough after %d of %d epochs: accuracy %.3f, %d steps, %d batches skipped\n",
                epochs, learn.n_epochs, metrics.history().back()["accuracy"], skip_easy.steps,
                skip_easy.skipped);
  });
}
