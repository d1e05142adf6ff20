// How a learning rate may go, and what comes of three ways.

#include <string>
#include <vector>

#include "learner/callbacks/metrics_cb.h"
#include "learner/callbacks/recorder_cb.h"
#include "learner/callbacks/sched_cb.h"
#include "learner/examples/example.h"
#include "learner/plot/figure.h"
#include "nn/loss.h"
#include "nn/models.h"

using namespace kindling;

namespace {

struct Outcome {
  double accuracy;
  std::vector<double> rates, losses;  // of every batch
};

Outcome train(const DataLoaders& loaders, const Schedule& schedule, std::uint64_t seed) {
  set_seed(seed);
  const auto model = nn::conv_bn_net();
  nn::kaiming_init(*model, nn::kLeak);
  BatchSchedCB schedules(schedule);
  RecorderCB recorder;
  recorder.add("lr", [](const Learner& learn) { return learn.opt->lr(); });
  recorder.add("loss", [](const Learner& learn) { return learn.loss.item(); });
  MetricsCB metrics;
  metrics.log = nullptr;
  metrics.add<metrics::Accuracy>("accuracy");
  TrainLearner(*model, loaders, nn::CrossEntropyLoss(),
               {.cbs = {&schedules, &recorder, &metrics}, .opt_func = optimizer<nn::AdamW>()})
      .fit(3);
  return {metrics.history().back()["accuracy"], recorder["lr"], recorder["loss"]};
}

/// The mean over the last 20.
std::vector<double> smooth(const std::vector<double>& losses) {
  std::vector<double> means;
  double sum = 0;
  for (std::size_t i = 0; i < losses.size(); ++i) {
    sum += losses[i] - (i >= 20 ? losses[i - 20] : 0);
    means.push_back(sum / static_cast<double>(std::min<std::size_t>(i + 1, 20)));
  }
  return means;
}

}  // namespace

int main(int argc, char** argv) {
  return run_example("09_schedules", argc, argv, [](bool brief) {
    // The shapes: pure functions of a step and the number of steps.
    plot_schedules("09_shapes.png",
                   {{"cosine", cosine(1)},
                    {"exponential", exponential(1, 0.97)},
                    {"step decay", step_decay(1, 30, 0.5)},
                    {"one cycle", one_cycle({.max = 1})},
                    {"its momentum", one_cycle_momentum()},
                    {"flat cosine", flat_cosine(1)},
                    {"warm-up, then linear", warm_up(0.1, linear(1, 0))}},
                   100);

    // Three of them at work.
    const FashionMnist data = load_fashion_mnist({}, FashionMnist::kNormalize);
    const Subset images = first_rows(data.train, brief ? 2048 : 20'000);
    const Subset unseen = first_rows(data.test, brief ? 2000 : 10'000);
    const DataLoaders loaders = make_data_loaders(images, unseen, 256);
    const int seeds = brief ? 1 : 4;
    const double lr = 0.02;
    plot::Figure figure(1, 2, 330, 220);
    figure.at(0).title("The rate").x_label("batch").y_label("learning rate");
    figure.at(1).title("What comes of it").x_label("batch").y_label("loss, mean of 20");
    figure.at(1).y_limits(0.2, 1);
    std::printf("accuracy    mean of %d, and each\n", seeds);
    for (const auto& [name, schedule] :
         std::vector<NamedSchedule>{{"constant", constant(lr)},
                                    {"cosine", cosine(lr)},
                                    {"one cycle", one_cycle({.max = lr})}}) {
      double sum = 0;
      std::string each;
      for (int seed = 1; seed <= seeds; ++seed) {
        const Outcome outcome = train(loaders, schedule, static_cast<std::uint64_t>(seed));
        sum += outcome.accuracy;
        each += str("  ", outcome.accuracy);
        if (seed > 1) continue;
        std::vector<double> batches;
        for (std::size_t i = 0; i < outcome.rates.size(); ++i) batches.push_back(i + 1.0);
        figure.at(0).line(batches, outcome.rates, name);
        figure.at(1).line(batches, smooth(outcome.losses), name);
      }
      std::printf("%-10s  %.4f %s\n", name.c_str(), sum / seeds, each.c_str());
    }
    figure.save("09_schedules.png", 1.25);
    std::printf("wrote 09_schedules.png and 09_shapes.png\n");
  });
}
