// A training loop without a Learner: batches, forward, backward, and a step, by hand.

#include "data/data_loader.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/loss.h"
#include "engine/ops/reduce.h"
#include "engine/tape.h"
#include "learner/examples/example.h"
#include "nn/layers.h"

using namespace kindling;

namespace {

/// Gradient descent: p = p - lr * grad, which itself is nothing to take a gradient of.
void step(std::vector<Tensor>& parameters, Scalar lr) {
  const NoGrad no_grad;
  for (Tensor& p : parameters) {
    p.set_value((p - lr * Tensor(p.grad())).value());
    p.zero_grad();  // backward() adds; the next batch begins at nothing
  }
}

Index correct(const Tensor& scores, const IntArray& labels) {
  const IntArray guesses = argmax(scores, -1);
  Index right = 0;
  for (Index i = 0; i < labels.size(); ++i) right += guesses[i] == labels[i];
  return right;
}

struct Judgement {
  double loss, accuracy;
};

Judgement judge(nn::Module& model, const DataLoader& loader) {
  const NoGrad no_grad;  // no tape
  double loss = 0, right = 0, rows = 0;
  for (const Batch& batch : loader) {
    const Tensor scores = model(batch.xs[0]);
    const auto n = static_cast<double>(batch.size());
    loss += n * cross_entropy(scores, batch.labels()).item();  // the last batch may be short
    right += static_cast<double>(correct(scores, batch.labels()));
    rows += n;
  }
  return {loss / rows, right / rows};
}

}  // namespace

int main(int argc, char** argv) {
  return run_example("03_training_loop", argc, argv, [](bool brief) {
    const FashionMnist data = load_fashion_mnist();
    const Subset train = first_rows(data.train, brief ? 6000 : 60'000);
    const Subset test = first_rows(data.test, brief ? 2000 : 10'000);
    const DataLoader batches(train, 64, true);  // shuffled anew for every epoch
    const DataLoader unseen(test, 1024);

    nn::Sequential model{nn::make<nn::Flatten>(), nn::make<nn::Linear>(28 * 28, 50),
                         nn::make<nn::ReLU>(), nn::make<nn::Linear>(50, 10)};
    std::vector<Tensor> parameters = model.parameters();

    for (int epoch = 0; epoch < 3; ++epoch) {
      double sum = 0;
      for (const Batch& batch : batches) {
        const Tensor loss = cross_entropy(model(batch.xs[0]), batch.labels());
        loss.backward();
        step(parameters, 0.1);
        sum += loss.item();
      }
      const Judgement valid = judge(model, unseen);
      std::printf("epoch %d  training loss %.3f  validation loss %.3f  accuracy %.3f\n", epoch,
                  sum / static_cast<double>(batches.size()), valid.loss, valid.accuracy);
    }
  });
}
