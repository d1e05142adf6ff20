// One training step of the lesson's network: gather nothing, forward, loss, backward, SGD. With
// stats, mean, deviation and histogram of five layers are taken on the way.

#include <benchmark/benchmark.h>

#include "engine/ops/loss.h"
#include "engine/random.h"
#include "learner/callbacks/activation_stats.h"
#include "nn/hooks.h"
#include "nn/models.h"
#include "nn/optim.h"

using namespace kindling;

namespace {

void conv10_step(benchmark::State& state) {
  const Index n = state.range(0);
  const bool stats = state.range(1) != 0;
  set_seed(1);
  const auto model = nn::conv_net();
  nn::SGD opt(model->parameters(), 0.01);
  const Tensor x(default_random().uniform({n, 28, 28, 1}));
  IntArray labels(Shape{n});
  for (Index i = 0; i < n; ++i) labels.data()[i] = static_cast<std::int32_t>(i % 10);

  std::vector<nn::Module*> convs;
  for (const auto& [path, module] : model->named_modules())
    if (stats && only<nn::Conv2d>(*module)) convs.push_back(module);
  const nn::Hooks<LayerStats> hooks(convs, [](LayerStats& s, nn::Module&, const Tensor&,
                                              const Tensor& y) { append_stats(s, y); });

  for (auto _ : state) {
    cross_entropy((*model)(x), labels).backward();
    opt.step();
    opt.zero_grad();
  }
  state.counters["images/s"] =
      benchmark::Counter(static_cast<double>(n * state.iterations()), benchmark::Counter::kIsRate);
}
BENCHMARK(conv10_step)
    ->ArgNames({"batch", "stats"})
    ->Args({1024, 0})
    ->Args({1024, 1})
    ->Args({64, 0})
    ->UseRealTime();

}  // namespace
