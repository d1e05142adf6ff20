// To look inside a model while it trains, in three ways: a model that keeps statistics itself,
// hooks by hand on a model that knows nothing of it, and ActivationStats, which is such hooks as a
// callback.

#include <algorithm>
#include <string>
#include <vector>

#include "engine/ops/reduce.h"
#include "learner/callbacks/activation_stats.h"
#include "learner/examples/example.h"
#include "learner/plot/figure.h"
#include "nn/hooks.h"
#include "nn/loss.h"
#include "nn/models.h"

using namespace kindling;

namespace {

/// What there is to see: mean and standard deviation of a layer's output, batch by batch.
struct Stats {
  std::vector<double> means, stds;
};

void append(Stats& stats, const Tensor& y) {
  stats.means.push_back(mean(y.detach()).item());
  stats.stds.push_back(stddev(y.detach()).item());
}

/// 1. A Sequential, but for the line in the middle of forward(). It works, but only for this model
/// and these statistics: to see something else, write another model.
class SequentialModel : public nn::Module {
 public:
  SequentialModel() {
    const Index widths[] = {1, 8, 16, 32, 64, 10};
    for (int i = 0; i < 5; ++i)
      layers.push_back(&add_child(std::to_string(i),
                                  nn::conv(widths[i], widths[i + 1], i == 0 ? 5 : 3, 2,
                                           i == 4 ? nn::Activation::none : nn::Activation::relu)));
    flatten_ = &add_child("5", nn::make<nn::Flatten>());
    stats.resize(layers.size());
  }
  std::string type() const override { return "SequentialModel"; }

  std::vector<nn::Module*> layers;
  std::vector<Stats> stats;

 protected:
  Tensor forward(const Tensor& x) override {
    Tensor y = x;
    for (std::size_t i = 0; i < layers.size(); ++i) {
      y = (*layers[i])(y);
      if (training()) append(stats[i], y);
    }
    return (*flatten_)(y);
  }

 private:
  nn::Module* flatten_;
};

}  // namespace

int main(int argc, char** argv) {
  return run_example("06_hooks", argc, argv, [](bool brief) {
    const FashionMnist data = load_fashion_mnist();
    const Subset train = first_rows(data.train, brief ? 10'240 : 60'000);
    SequentialModel model;
    // 3. The callback: hooks on what a predicate picks, for as long as a fit lasts. The five layers
    // are the Sequentials here; the model itself is of another type.
    ActivationStats activations([](const nn::Module& m) { return m.type() == "Sequential"; });
    TrainLearner learn(model, make_data_loaders(train, data.test, 1024), nn::CrossEntropyLoss(),
                       {.lr = 0.6, .cbs = {&activations}});  // too fast, on purpose

    // 2. By hand. A hook is a function that is called with what a module has computed, and a
    // handle: when that goes, so does the hook. A Hook owns a state for its function, Hooks are a
    // range.
    const nn::Hooks<Stats> hooks(
        model.layers, [](Stats& stats, nn::Module& layer, const Tensor&, const Tensor& y) {
          if (layer.training()) append(stats, y);
        });
    Scalar largest = 0;
    const HookHandle handle =
        model.layers[4]->register_forward_hook([&](nn::Module&, const Tensor&, const Tensor& y) {
          largest = std::max(largest, max(y.detach()).item());
        });
    learn.fit(1);

    std::printf("of the last batch          model              hook             callback\n");
    for (std::size_t i = 0; i < model.layers.size(); ++i) {
      const auto& own = model.stats[i];
      const auto& hook = hooks[i].state();
      const auto& callback = activations.hooks()[i].state();
      std::printf("layer %zu  mean, std %8.3f %8.3f %8.3f %8.3f  %8.3f %8.3f\n", i,
                  own.means.back(), own.stds.back(), hook.means.back(), hook.stds.back(),
                  callback.means.back(), callback.stds.back());
    }
    std::printf("the largest number of layer 4, of all batches: %.3f\n",
                static_cast<double>(largest));
    plot::Figure figure(1, 2, 330, 220);
    for (std::size_t i = 0; i < hooks.size(); ++i) {
      std::vector<double> batches;
      for (std::size_t k = 0; k < hooks[i].state().means.size(); ++k) batches.push_back(k + 1.0);
      figure.at(0).line(batches, hooks[i].state().means, str("layer ", i));
      figure.at(1).line(batches, hooks[i].state().stds, str("layer ", i));
    }
    figure.at(0).title("Means of the outputs").x_label("batch").legend(plot::LegendPlace::none);
    figure.at(1).title("Standard deviations").x_label("batch").legend(plot::LegendPlace::outside);
    figure.save("06_hooks.png", 1.25);
    activations.color_dim("06_color_dim.png");
    std::printf("wrote 06_hooks.png and 06_color_dim.png\n");
  });
}
