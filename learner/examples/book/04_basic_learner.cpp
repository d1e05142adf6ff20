// The basic callbacks learner: a callback that counts, one that measures, and one that cancels.

#include "learner/basic_learner.h"

#include "engine/ops/reduce.h"
#include "learner/callback.h"
#include "learner/examples/example.h"
#include "learner/metrics.h"
#include "nn/loss.h"
#include "nn/models.h"

using namespace kindling;

namespace {

/// Counts the batches, and says how many there were.
struct Completion : BasicCallback {
  int count = 0;
  void before_fit(BasicLearner&) override { count = 0; }
  void after_batch(BasicLearner&) override { ++count; }
  void after_fit(BasicLearner&) override { std::printf("Completed %d batches\n", count); }
};

/// Prints the accuracy of each pass.
struct PrintAccuracy : BasicCallback {
  metrics::Accuracy accuracy;
  void before_epoch(BasicLearner&) override { accuracy.reset(); }
  void after_batch(BasicLearner& learn) override {
    accuracy.update(learn.preds.value(), learn.batch.y);
  }
  void after_epoch(BasicLearner& learn) override {
    std::printf("epoch %d  %s  accuracy %.3f\n", learn.epoch,
                learn.model.training() ? "train" : "valid", accuracy.compute());
  }
};

/// A callback may cancel: this one ends the fit after its first batch.
struct SingleBatch : BasicCallback {
  void after_batch(BasicLearner&) override { throw CancelFit(); }
};

}  // namespace

int main(int argc, char** argv) {
  return run_example("04_basic_learner", argc, argv, [](bool brief) {
    const FashionMnist data = load_fashion_mnist();
    const Subset train = first_rows(data.train, brief ? 20'000 : 60'000);
    const auto model = nn::mlp(28 * 28, 50, 10);
    Completion completion;
    PrintAccuracy accuracy;
    BasicLearner learn(*model, make_data_loaders(train, data.test, 1024), nn::CrossEntropyLoss(),
                       0.2, {&completion, &accuracy});
    learn.fit(1);

    SingleBatch single_batch;
    learn.cbs = {&completion, &single_batch};
    learn.fit(1);
    std::printf("Cancelled after batch %d: after_fit was skipped, so nothing was reported\n",
                completion.count);
  });
}
