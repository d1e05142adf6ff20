// The learning rate finder: a mock training run whose rate grows with every batch.

#include "learner/callbacks/lr_finder.h"

#include "learner/examples/example.h"
#include "nn/loss.h"
#include "nn/models.h"

using namespace kindling;

int main() {
  return run_example("lr_find", [] {
    const FashionMnist data = load_fashion_mnist({}, FashionMnist::kNormalize);
    const auto model = nn::conv_net();
    nn::kaiming_init(*model);
    TrainLearner learn(*model, make_data_loaders(data.train, data.test, 1024),
                       nn::CrossEntropyLoss());
    const LRFindResult found = lr_find(learn);
    std::printf("%zu batches, lr %.1e to %.1e\n", found.lrs.size(), found.lrs.front(),
                found.lrs.back());
    if (found.suggestion) std::printf("suggestion: lr %.3g\n", *found.suggestion);
    found.plot("lr_find.png");
    std::printf("wrote lr_find.png\n");
  });
}
