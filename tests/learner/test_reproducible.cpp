// The pictures of a run: the same bytes for the same seed, whatever the number of threads.

#include <doctest/doctest.h>

#include <cstdlib>
#include <map>
#include <string>

#include "data/synthetic.h"
#include "engine/random.h"
#include "learner/callbacks/activation_stats.h"
#include "learner/callbacks/metrics_cb.h"
#include "learner/callbacks/progress.h"
#include "nn/loss.h"
#include "nn/models.h"
#include "tests/learner/fits.h"
#include "tests/plot/picture.h"

using namespace kindling;
using namespace kindling::test;

namespace {

/// Trains the lesson's network with everything that looks on; the files it leaves, by name.
std::map<std::string, std::string> run(std::uint64_t seed) {
  const plot::testing::TemporaryFolder folder;
  set_seed(seed);
  const ImageDataset train = synthetic_images(192, 10, 1), valid = synthetic_images(100, 10, 2);
  const auto model = nn::conv_net();
  ActivationStats stats(only<nn::Conv2d>);
  ProgressCB progress({.out = nullptr, .plot = folder.file("losses.png")});
  MetricsCB metrics;
  metrics.add<metrics::Accuracy>("accuracy");
  TrainLearner learn(*model, make_data_loaders(train, valid, 32), nn::CrossEntropyLoss{},
                     {.lr = 0.2, .cbs = {&stats, &metrics, &progress}});
  learn.fit(1);
  stats.color_dim(folder.file("color_dim.png"));
  stats.dead_chart(folder.file("dead_chart.png"));
  stats.plot_stats(folder.file("stats.png"));

  std::map<std::string, std::string> files{{"weights", bits(*model)}};
  for (const char* name : {"losses.png", "color_dim.png", "dead_chart.png", "stats.png"})
    files[name] = plot::testing::file_bytes(folder.file(name));
  for (const MetricsRow& row : metrics.history())
    for (const auto& [name, value] : row.values)
      files["history"] += bits(Array::scalar(static_cast<Scalar>(value)));
  return files;
}

}  // namespace

TEST_CASE("a run leaves the same bytes with 1 to 8 threads, and others with another seed") {
  const Threads alone(1);
  const auto once = run(1), other = run(2);
  REQUIRE(once.size() == 6);
  for (const auto& file : once) {
    const std::string& name = file.first;
    CAPTURE(name);
    CHECK(file.second.size() > (name == "history" ? 15u : 1000u));
    CHECK((file.second != other.at(name)));
  }
  const auto same = [&] {
    for (const auto& file : run(1)) {
      const std::string& name = file.first;
      CAPTURE(name);
      CHECK((file.second == once.at(name)));
    }
  };
  // Which thread takes which task differs from run to run, and with the way tasks are shared.
  const int times = std::getenv("KINDLING_LONG") ? 5 : 1;
  for (const Sharing how : {Sharing::kHelping, Sharing::kStatic, Sharing::kDynamic})
    for (const int threads : {1, 2, 3, 4, 8}) {
      if (how != Sharing::kHelping && times == 1 && threads != 3) continue;
      CAPTURE(static_cast<int>(how));
      CAPTURE(threads);
      const Threads guard(threads);
      sharing = how;
      for (int time = 0; time < times; ++time) same();
      sharing = Sharing::kHelping;
    }
}
