// A training of a few batches, with what users use: a model, a Learner, callbacks, a picture, a
// file of weights. Prints one line.

#include <cstdio>

#include "learner/kindling.h"

using namespace kindling;

int main() try {
  set_seed(1);
  const ImageDataset train = synthetic_images(256, 10, 1), valid = synthetic_images(64, 10, 2);
  const auto model = nn::conv_net();
  MetricsCB metrics;
  metrics.add<metrics::Accuracy>("accuracy");
  ActivationStats stats(only<nn::Conv2d>);
  TrainLearner learn(*model, make_data_loaders(train, valid, 64), nn::CrossEntropyLoss(),
                     {.lr = 0.1, .cbs = {&metrics, &stats}});
  learn.fit(1);
  stats.color_dim("color_dim.png");
  write_safetensors("model.safetensors", state_dict(*model));
  std::printf("trained %zu parameters\n", model->named_parameters().size());
} catch (const std::exception& error) {
  return std::fprintf(stderr, "consumer: %s\n", error.what()), 1;
}
