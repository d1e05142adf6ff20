// Hooks by hand: the same statistics as in sequential_model.cpp, of any model, from outside. First
// a bare handle, then a Hook that owns its statistics, then Hooks as a scope.

#include "engine/ops/reduce.h"
#include "learner/examples/example.h"
#include "learner/learner.h"
#include "learner/plot/charts.h"
#include "nn/hooks.h"
#include "nn/loss.h"
#include "nn/models.h"

using namespace kindling;

int main() {
  return run_example("hook_by_hand", [] {
    const FashionMnist data = load_fashion_mnist();
    const auto model = nn::conv_net();
    TrainLearner learn(*model, make_data_loaders(data.train, data.test, 1024),
                       nn::CrossEntropyLoss(), {.lr = 0.6});

    // A function and a handle. When the handle goes, so does the hook.
    std::vector<double> means;
    {
      const HookHandle handle =
          (*model)[0].register_forward_hook([&](nn::Module&, const Tensor&, const Tensor& y) {
            means.push_back(mean(y.detach()).item());
          });
      learn.fit(1, {.valid = false});
    }
    learn.fit(1, {.train = false});  // unseen
    std::printf("one hook saw %zu batches, the last mean was %.3f\n", means.size(), means.back());

    // A hook on each convolution, each with statistics of its own, for as long as the scope lasts.
    std::vector<nn::Module*> layers;
    for (Index i = 0; i < 5; ++i) layers.push_back(&(*model)[i]);
    const nn::Hooks<plot::StatsSeries> hooks(
        layers, [](plot::StatsSeries& stats, nn::Module&, const Tensor&, const Tensor& y) {
          stats.means.push_back(mean(y.detach()).item());
          stats.stds.push_back(stddev(y.detach()).item());
        });
    learn.fit(1, {.valid = false});

    std::vector<plot::StatsSeries> series;
    for (const auto& hook : hooks) {
      series.push_back(hook.state());
      series.back().name = "layer " + std::to_string(series.size() - 1);
    }
    plot::plot_stats("hook_by_hand.png", series, "Activations at lr 0.6, second epoch");
    std::printf("wrote hook_by_hand.png\n");
  });
}
