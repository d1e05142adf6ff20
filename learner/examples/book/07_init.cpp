// Why initialization matters: what twenty layers do to a signal on its way forward, and to a
// gradient on its way back, before the first step.

#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "data/data_loader.h"
#include "engine/ops/loss.h"
#include "learner/callbacks/metrics_cb.h"
#include "learner/examples/example.h"
#include "learner/plot/figure.h"
#include "nn/hooks.h"
#include "nn/init.h"
#include "nn/layers.h"
#include "nn/loss.h"
#include "nn/lsuv.h"

using namespace kindling;

namespace {

constexpr Index kDepth = 20, kWidth = 100;

/// Dense layers with ReLU between, and a head of 10.
std::unique_ptr<nn::Sequential> deep_net() {
  auto model = std::make_unique<nn::Sequential>(nn::make<nn::Flatten>());
  for (int i = 0; i < kDepth; ++i) {
    model->add(nn::make<nn::Linear>(i == 0 ? 28 * 28 : kWidth, kWidth));
    model->add(nn::make<nn::ReLU>());
  }
  model->add(nn::make<nn::Linear>(kWidth, 10));
  return model;
}

using Init = std::function<void(nn::Module&, const Tensor& x)>;

/// Draws the weights of every layer anew, like this; every bias is 0.
Init drawn(const std::function<Array(const Shape&)>& weight) {
  return [weight](nn::Module& model, const Tensor&) {
    model.apply([&](nn::Module& module) {
      auto* layer = dynamic_cast<nn::Linear*>(&module);
      if (!layer) return;
      layer->weight.set_value(weight(layer->weight.shape()));
      layer->bias.set_value(Array(layer->bias.shape(), 0));
    });
  };
}

const std::vector<std::pair<std::string, Init>> kInits{
    {"std 1", drawn([](auto& shape) { return default_random().normal(shape); })},
    {"std 0.01", drawn([](auto& shape) { return default_random().normal(shape, 0, 0.01); })},
    {"Xavier", drawn([](auto& shape) { return nn::xavier_normal(shape); })},
    {"Kaiming", drawn([](auto& shape) { return nn::kaiming_normal(shape); })},
    {"LSUV", [](auto& model, auto& x) { nn::lsuv(model, x); }}};

/// Root mean square; in double, because 1e20 squared is no float.
double size(const Array& x) {
  double sum = 0;
  for (const double v : x.values()) sum += v * v;
  return std::sqrt(sum / static_cast<double>(x.size()));
}

/// How large, at each ReLU: what comes out, and the gradient by it.
struct Signal {
  std::vector<double> forward, backward;
};

Signal measure(nn::Sequential& model, const Batch& batch) {
  Signal signal;
  std::vector<HookHandle> hooks;
  for (Index i = 2; i <= 2 * kDepth; i += 2) {
    hooks.push_back(model[i].register_forward_hook(
        [&](auto&, auto&, auto& y) { signal.forward.push_back(size(y.value())); }));
    hooks.push_back(model[i].register_backward_hook([&](auto&, auto&, auto& dy) {
      signal.backward.insert(signal.backward.begin(), size(dy));
    }));
  }
  cross_entropy(model(batch.xs[0]), batch.labels()).backward();
  model.zero_grad();
  return signal;
}

}  // namespace

int main(int argc, char** argv) {
  return run_example("07_init", argc, argv, [](bool brief) {
    const FashionMnist data = load_fashion_mnist({}, FashionMnist::kNormalize);
    const Subset train = first_rows(data.train, brief ? 5120 : 60'000);
    const Subset unseen = first_rows(data.test, brief ? 1024 : 10'000);
    const DataLoaders loaders = make_data_loaders(train, unseen, 512);
    const Batch batch = *loaders.valid.begin();
    std::vector<double> layers;
    for (int i = 1; i <= kDepth; ++i) layers.push_back(i);
    plot::Figure figure(1, 2, 330, 240);
    figure.at(0).title("Activations, before the first step").y_label("root mean square");
    figure.at(1).title("Gradients with respect to them").y_label("root mean square");
    std::printf("size of   activations, layer 1 and 20   gradients, 1 and 20   accuracy\n");
    for (const auto& [name, init] : kInits) {
      const auto model = deep_net();
      init(*model, batch.xs[0]);
      const Signal signal = measure(*model, batch);
      figure.at(0).line(layers, signal.forward, name);
      figure.at(1).line(layers, signal.backward, name);
      MetricsCB metrics;
      metrics.log = nullptr;
      metrics.add<metrics::Accuracy>("accuracy");
      TrainLearner(*model, loaders, nn::CrossEntropyLoss(), {.lr = 0.02, .cbs = {&metrics}}).fit(1);
      std::printf("%-9s %14.1e %14.1e %12.1e %8.1e %10.3f\n", name.c_str(), signal.forward.front(),
                  signal.forward.back(), signal.backward.front(), signal.backward.back(),
                  metrics.history().back()["accuracy"]);
    }
    for (const int i : {0, 1})
      figure.at(i).x_label("layer").y_scale(plot::Scale::log10).x_integers();
    figure.save("07_init.png", 1.25);
    std::printf("wrote 07_init.png\n");
  });
}
