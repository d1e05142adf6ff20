#include "learner/kindling.h"
using namespace kindling;

struct EnoughCB : Callback {  // a callback of one's own
  void after_epoch(Learner& learn) override {
    if (learn.metrics->history().back()["accuracy"] > 0.8) throw CancelFit();
  }
};

int main() {
  set_seed(1);
  const FashionMnist data = load_fashion_mnist();
  nn::Sequential model(nn::conv(1, 8, 5), nn::conv(8, 16), nn::conv(16, 32), nn::conv(32, 64),
                       nn::conv(64, 10, 3, 2, false), nn::make<nn::Flatten>());
  MetricsCB metrics;
  metrics.add<metrics::Accuracy>("accuracy");
  ProgressCB progress;
  ActivationStats stats(only<nn::Conv2d>);  // hooks on every convolution
  EnoughCB enough;
  TrainLearner learn(model, make_data_loaders(data.train, data.test, 1024), nn::CrossEntropyLoss(),
                     {.lr = 0.2, .cbs = {&metrics, &progress, &stats, &enough}});
  learn.fit(10);
  stats.color_dim("color_dim.png");
}
