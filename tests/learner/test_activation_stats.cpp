// Hooks for the time of a fit, and what they find out about the activations.

#include "learner/callbacks/activation_stats.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <vector>

#include "engine/error.h"
#include "engine/random.h"
#include "learner/callbacks/hooks_callback.h"
#include "nn/layers.h"
#include "nn/loss.h"
#include "nn/models.h"
#include "tests/learner/fits.h"
#include "tests/plot/picture.h"

using namespace kindling;
using namespace kindling::test;

namespace {

/// Mean, standard deviation (n - 1) and histogram of |x| over [0, 10], one element at a time.
struct Naive {
  double mean = 0, std = 0;
  std::vector<double> histogram = std::vector<double>(40, 0);

  explicit Naive(const Array& x) {
    const auto n = static_cast<double>(x.size());
    for (const Scalar value : x.values()) mean += value / n;
    for (const Scalar value : x.values()) std += (value - mean) * (value - mean) / (n - 1);
    std = std::sqrt(std);
    for (const Scalar value : x.values())
      if (const double size = std::abs(static_cast<double>(value)); size <= 10)
        ++histogram[size == 10 ? 39 : static_cast<std::size_t>(std::floor(size * 4))];
  }
};

struct Net {
  Points data{10, 6, 4};
  std::unique_ptr<nn::Sequential> model = nn::mlp(3, 5, 2);
  TrainLearner learn{*model, data.dls, nn::CrossEntropyLoss{}};
};

HooksCallback<int>::Fn counting() {
  return [](int& n, nn::Module&, const Tensor&, const Tensor&) { ++n; };
}

}  // namespace

TEST_CASE("HooksCallback: hooks the modules the predicate picks, on the passes it is told") {
  for (const bool train : {false, true})
    for (const bool valid : {false, true}) {
      Net net;
      HooksCallback<int> hooks(counting(), only<nn::Linear>, train, valid);
      net.learn.fit(2, {.cbs = {&hooks}});
      REQUIRE(hooks.hooks().size() == 2);
      CHECK(hooks.names() == std::vector<std::string>{"1", "3"});
      for (const auto& hook : hooks.hooks()) CHECK(hook.state() == 2 * (3 * train + 2 * valid));
    }
}

TEST_CASE("HooksCallback: training batches only, unless told otherwise; the model itself is \"\"") {
  Net net;
  HooksCallback<int> all(counting(), [](const nn::Module&) { return true; });
  HooksCallback<int> none(counting(), only<nn::Conv2d>);
  net.learn.fit(1, {.cbs = {&all, &none}});
  CHECK(all.names() == std::vector<std::string>{"", "0", "1", "2", "3"});
  for (const auto& hook : all.hooks()) CHECK(hook.state() == 3);
  CHECK(none.hooks().size() == 0);
}

TEST_CASE("HooksCallback: nested modules have their path as a name") {
  const TensorDataset images(Array(Shape{2, 28, 28, 1}, 1), IntArray(Shape{2}, {0, 1}));
  const auto model = nn::conv_net();
  HooksCallback<int> hooks(counting(), only<nn::Conv2d>);
  TrainLearner learn(*model, {DataLoader(images, 2), DataLoader(images, 2)}, nn::CrossEntropyLoss{},
                     {.cbs = {&hooks}});
  learn.fit(1);
  CHECK(hooks.names() == std::vector<std::string>{"0.0", "1.0", "2.0", "3.0", "4.0"});
}

TEST_CASE("HooksCallback: the hooks are gone after a fit, however it ended; the states stay") {
  for (const std::string end : {"quietly", "cancelled", "error", "in a cleanup"}) {
    CAPTURE(end);
    Net net;
    HooksCallback<int> hooks(counting(), only<nn::Linear>);
    OnEvent breaks(
        [&](const std::string& event, Learner& l) {
          if (event == "after_loss" && l.iter == 1 && end == "cancelled") throw CancelFit();
          if (event == "after_loss" && l.iter == 1 && end == "error") throw std::runtime_error("!");
          if (event == "cleanup_fit" && end == "in a cleanup") throw std::runtime_error("!");
        },
        -1);
    if (end == "quietly" || end == "cancelled")
      net.learn.fit(1, {.cbs = {&hooks, &breaks}});
    else
      CHECK_THROWS_WITH_AS(net.learn.fit(1, {.cbs = {&hooks, &breaks}}), "!", std::runtime_error);
    const int expected = end == "cancelled" || end == "error" ? 2 : 3;
    REQUIRE(hooks.hooks().size() == 2);
    for (const auto& hook : hooks.hooks()) CHECK(hook.state() == expected);
    (*net.model)(Tensor(Array(Shape{1, 3}, 1)));
    for (const auto& hook : hooks.hooks()) CHECK(hook.state() == expected);
    net.learn.fit(2, {.cbs = {&hooks}});
    for (const auto& hook : hooks.hooks()) CHECK(hook.state() == 6);
  }
}

TEST_CASE("HooksCallback: a function that is empty is refused when it is made") {
  CHECK_THROWS_WITH_AS(ActivationStats{nullptr}, "[hooks] the predicate is empty", Error);
  CHECK_THROWS_WITH_AS(HooksCallback<int>(nullptr, only<nn::Linear>),
                       "[hooks] the function is empty", Error);
}

TEST_CASE("HooksCallback: two at once do not get in each other's way") {
  Net net;
  HooksCallback<int> train(counting(), only<nn::Linear>),
      valid(counting(), only<nn::Linear>, false, true);
  net.learn.fit(1, {.cbs = {&train, &valid}});
  CHECK(train.hooks()[0].state() == 3);
  CHECK(valid.hooks()[0].state() == 2);
}

TEST_CASE("ActivationStats: the numbers are those of the activations") {
  Net net;
  for (Tensor parameter : net.model->parameters()) {  // large, so that some leave the histogram
    Array value = parameter.value();
    for (Index i = 0; i < value.size(); ++i) value.data()[i] *= 20;
    parameter.set_value(value);
  }
  std::vector<std::vector<Array>> seen(2);
  const auto keep = [&](std::size_t i) {
    return (*net.model)[i ? 3 : 1].register_forward_hook(
        [&seen, i](nn::Module& module, const Tensor&, const Tensor& y) {
          if (module.training()) seen[i].push_back(y.value());
        });
  };
  const HookHandle first = keep(0), second = keep(1);
  ActivationStats stats(only<nn::Linear>);
  net.learn.fit(2, {.cbs = {&stats}});

  REQUIRE(stats.hooks().size() == 2);
  double outside = 0;
  for (std::size_t i = 0; i < 2; ++i) {
    const LayerStats& layer = stats.hooks()[i].state();
    REQUIRE(seen[i].size() == 6);
    REQUIRE(layer.means.size() == 6);
    REQUIRE(layer.stds.size() == 6);
    REQUIRE(layer.histograms.size() == 6);
    for (std::size_t batch = 0; batch < 6; ++batch) {
      const Naive naive(seen[i][batch]);
      CHECK(layer.means[batch] == doctest::Approx(naive.mean).epsilon(1e-4));
      CHECK(layer.stds[batch] == doctest::Approx(naive.std).epsilon(1e-4));
      CHECK(layer.histograms[batch] == naive.histogram);
      outside += static_cast<double>(seen[i][batch].size());
      for (const double count : layer.histograms[batch]) outside -= count;
    }
  }
  CHECK(outside > 0);
}

TEST_CASE(
    "append_stats: edges of the histogram, and outputs of one element or none that is finite") {
  LayerStats stats;
  const auto inf = std::numeric_limits<Scalar>::infinity();
  append_stats(stats, Tensor(Array(Shape{7}, {0, -0.25, 0.24f, 9.99f, -10, 10.01f, inf})));
  std::vector<double> expected(40, 0);
  expected[0] = 2;
  expected[1] = 1;
  expected[39] = 2;
  CHECK(stats.histograms.at(0) == expected);
  append_stats(stats, Tensor(Array(Shape{1}, {3})));
  CHECK(stats.means.at(1) == 3);
  CHECK(std::isnan(stats.stds.at(1)));
  CHECK(stats.histograms.at(1).at(12) == 1);
}

TEST_CASE("ActivationStats: does not disturb the training") {
  std::string without, with;
  for (std::string* weights : {&without, &with}) {
    set_seed(4);
    Net net;
    ActivationStats stats([](const nn::Module&) { return true; }, true, true);
    net.learn.fit(
        2, {.cbs = weights == &with ? std::vector<Callback*>{&stats} : std::vector<Callback*>{}});
    *weights = bits(*net.model);
  }
  CHECK((with == without));
}

TEST_CASE("ActivationStats: a new fit starts afresh, and a cancelled one keeps what it saw") {
  Net net;
  ActivationStats stats(only<nn::Linear>, true, true);
  net.learn.fit(2, {.cbs = {&stats}});
  CHECK(stats.hooks()[0].state().means.size() == 10);
  OnEvent stops([](const std::string& event, Learner& l) {
    if (event == "after_loss" && l.iter == 2) throw std::runtime_error("!");
  });
  CHECK_THROWS_AS(net.learn.fit(2, {.cbs = {&stats, &stops}}), std::runtime_error);
  CHECK(stats.hooks()[0].state().means.size() == 3);
  CHECK(stats.hooks()[1].state().histograms.size() == 3);

  const plot::testing::TemporaryFolder folder;
  stats.color_dim(folder.file("color_dim.png"));
  stats.dead_chart(folder.file("dead_chart.png"));
  stats.plot_stats(folder.file("stats.png"));
  CHECK(folder.entries() == 3);
  for (const char* name : {"color_dim.png", "dead_chart.png", "stats.png"})
    CHECK(plot::testing::file_bytes(folder.file(name)).starts_with("\x89PNG"));
  CHECK_THROWS_AS(stats.color_dim(folder.file("no/color_dim.png")), std::runtime_error);
}
