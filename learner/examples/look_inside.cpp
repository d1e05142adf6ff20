#include "learner/kindling.h"
using namespace kindling;

struct EnoughCB : Callback {
  void after_epoch(Learner& learn) override {  // comes twice: after training, after validation
    if (!learn.training && learn.metrics->latest()["accuracy"] > 0.8) throw CancelFit();
  }
};

int main() try {
  set_seed(1);
  const FashionMnist data = load_fashion_mnist();
  const auto model = nn::conv_net();  // five convolutions: 1-8-16-32-64-10
  MetricsCB metrics;
  metrics.add<metrics::Accuracy>("accuracy");
  ProgressCB progress;
  ActivationStats stats(only<nn::Conv2d>);  // hooks on every convolution
  EnoughCB enough;
  TrainLearner learn(*model, make_data_loaders(data.train, data.test, 1024), nn::CrossEntropyLoss(),
                     {.lr = 0.2, .cbs = {&metrics, &progress, &stats, &enough}});
  learn.fit(10);
  stats.color_dim("color_dim.png");
} catch (const std::exception& error) {
  return std::fprintf(stderr, "look_inside: %s\n", error.what()), 1;
}
