// What batch norm does: to the numbers that a layer sees, and to the learning rate that a network
// bears.

#include <cmath>
#include <string>
#include <vector>

#include "engine/ops/histogram.h"
#include "learner/callbacks/metrics_cb.h"
#include "learner/examples/example.h"
#include "learner/plot/figure.h"
#include "nn/loss.h"
#include "nn/models.h"

using namespace kindling;

namespace {

constexpr int kBins = 80;
constexpr Scalar kRange = 6;  // histograms cover [-kRange, kRange]

/// A training of one epoch.
struct Outcome {
  double accuracy;
  /// How often which numbers came to the activation of the fourth layer, in the first and last
  /// batch.
  std::vector<double> first, last;
};

/// As shares a unit of the axis: the area below is 1, less what lies outside.
std::vector<double> density(const Tensor& x) {
  std::vector<double> shares;
  const IntArray counts = histogram(x, kBins, -kRange, kRange);
  for (const std::int32_t count : counts.values())
    shares.push_back(count / (static_cast<double>(x.size()) * 2 * kRange / kBins));
  return shares;
}

Outcome train(const DataLoaders& loaders, nn::Norm norm, double lr) {
  set_seed(1);
  const auto model = nn::conv_net(nn::Activation::relu, norm);
  nn::kaiming_init(*model);
  Outcome outcome;
  auto& layer = dynamic_cast<nn::Sequential&>((*model)[3]);
  const HookHandle hook = layer[layer.size() - 1].register_forward_pre_hook(
      [&](nn::Module& activation, const Tensor& x) {
        if (!activation.training()) return;
        outcome.last = density(x.detach());
        if (outcome.first.empty()) outcome.first = outcome.last;
      });
  MetricsCB metrics;
  metrics.log = nullptr;
  metrics.add<metrics::Accuracy>("accuracy");
  TrainLearner(*model, loaders, nn::CrossEntropyLoss(), {.lr = lr, .cbs = {&metrics}}).fit(1);
  outcome.accuracy = metrics.history().back()["accuracy"];
  return outcome;
}

}  // namespace

int main(int argc, char** argv) {
  return run_example("08_batch_norm", argc, argv, [](bool brief) {
    const FashionMnist data = load_fashion_mnist({}, FashionMnist::kNormalize);
    const Subset images = first_rows(data.train, brief ? 5120 : 30'000);
    const Subset unseen = first_rows(data.test, brief ? 2000 : 10'000);
    const DataLoaders loaders = make_data_loaders(images, unseen, 256);
    const std::vector<double> rates =
        brief ? std::vector{0.1, 1.0} : std::vector{0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0};
    const double shown = 0.1;  // the rate of the histograms
    std::vector<double> centres;
    for (int i = 0; i < kBins; ++i) centres.push_back(kRange * ((2 * i + 1.0) / kBins - 1));

    plot::Figure figure(1, 2, 340, 240);
    figure.suptitle("Batch norm, and none");
    plot::Axes& inside = figure.at(0);
    inside.title("What the fourth activation is given").x_label("number").y_label("density");
    plot::Axes& outcome = figure.at(1);
    outcome.title("After one epoch").x_label("learning rate").y_label("accuracy");
    outcome.x_scale(plot::Scale::log10).y_limits(0, 1);

    std::vector<std::vector<double>> accuracies;
    for (const nn::Norm norm : {nn::Norm::none, nn::Norm::batch}) {
      const std::string name = norm == nn::Norm::none ? "none" : "batch norm";
      accuracies.emplace_back();
      for (const double lr : rates) {
        const Outcome result = train(loaders, norm, lr);
        accuracies.back().push_back(result.accuracy);
        if (lr != shown) continue;
        const plot::Color color = plot::palette(accuracies.size() - 1);
        inside.line(centres, result.first, name + ", first batch",
                    {.color = color, .dash = plot::Dash::dashed});
        inside.line(centres, result.last, name + ", last batch", {.color = color});
      }
      outcome.line(rates, accuracies.back(), name, {.marker = 2.2});
    }
    std::printf("%8s  %8s  %s\n", "lr", "none", "batch norm");
    for (std::size_t i = 0; i < rates.size(); ++i)
      std::printf("%8g  %8.3f  %.3f\n", rates[i], accuracies[0][i], accuracies[1][i]);
    figure.save("08_batch_norm.png", 1.25);
    std::printf("wrote 08_batch_norm.png\n");
  });
}
