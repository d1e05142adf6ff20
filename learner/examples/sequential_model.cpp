// The lesson's clumsy way to look inside a model: write one that keeps its own statistics. It
// works, but only for this model and these statistics. hook_by_hand.cpp shows why hooks exist.

#include "engine/ops/elementwise.h"
#include "engine/ops/reduce.h"
#include "learner/examples/example.h"
#include "learner/learner.h"
#include "learner/plot/charts.h"
#include "nn/loss.h"
#include "nn/models.h"

using namespace kindling;

namespace {

/// A Sequential, but for the two lines in the middle of forward().
class SequentialModel : public nn::Module {
 public:
  SequentialModel() {
    Index width = 1;
    for (const Index next : {8, 16, 32, 64, 10}) {
      const bool first = width == 1, last = next == 10;
      layers_.push_back(&add_child(std::to_string(layers_.size()),
                                   nn::conv(width, next, first ? 5 : 3, 2,
                                            last ? nn::Activation::none : nn::Activation::relu)));
      width = next;
    }
    layers_.push_back(&add_child(std::to_string(layers_.size()), nn::make<nn::Flatten>()));
    stats.resize(layers_.size() - 1);
    for (std::size_t i = 0; i < stats.size(); ++i) stats[i].name = "layer " + std::to_string(i);
  }

  std::vector<plot::StatsSeries> stats;  ///< Of each convolution, batch by batch.
  std::string type() const override { return "SequentialModel"; }

 protected:
  Tensor forward(const Tensor& x) override {
    Tensor y = x;
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      y = (*layers_[i])(y);
      if (!training() || i >= stats.size()) continue;
      stats[i].means.push_back(mean(y.detach()).item());
      stats[i].stds.push_back(stddev(y.detach()).item());
    }
    return y;
  }

 private:
  std::vector<nn::Module*> layers_;
};

}  // namespace

int main() {
  return run_example("sequential_model", [] {
    const FashionMnist data = load_fashion_mnist();
    SequentialModel model;
    TrainLearner learn(model, make_data_loaders(data.train, data.test, 1024),
                       nn::CrossEntropyLoss(), {.lr = 0.6});
    learn.fit(1);
    for (const auto& layer : model.stats)
      std::printf("%s: mean %7.3f, std %7.3f after %zu batches\n", layer.name.c_str(),
                  layer.means.back(), layer.stds.back(), layer.means.size());
    plot::plot_stats("sequential_model.png", model.stats, "Activations at lr 0.6");
    std::printf("wrote sequential_model.png\n");
  });
}
