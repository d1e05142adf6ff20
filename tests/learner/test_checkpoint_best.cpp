// Which epoch is kept as the best one, across interruptions, measures and folders.

#include <doctest/doctest.h>

#include <filesystem>
#include <stdexcept>
#include <string>

#include "engine/ops/elementwise.h"
#include "engine/ops/loss.h"
#include "learner/callbacks/checkpoint_cb.h"
#include "tests/learner/whole_fit.h"
#include "tests/plot/picture.h"

using namespace kindling;
using namespace kindling::test;
using plot::testing::file_bytes;
using plot::testing::TemporaryFolder;

TEST_CASE("CheckpointCB: the best of one measure is not held against another") {
  const TemporaryFolder folder;
  const std::string half = folder.file("half"), best = folder.file("best");
  const Points data(24, 8, 4);
  // By the loss, which is above 1 at first; then by an accuracy, which never is.
  for (const bool other : {false, true}) {
    set_seed(3);
    const auto model = nn::mlp(3, 4, 2);
    MetricsCB metrics;
    metrics.log = nullptr;
    metrics.add<metrics::Accuracy>("accuracy");
    CheckpointCB by_loss({.last = half, .best = folder.file("first")});
    CheckpointCB by_accuracy({.best = best, .metric = "accuracy", .larger_is_better = true});
    if (other) by_accuracy.resume(half);
    CheckpointCB& keeps = other ? by_accuracy : by_loss;
    TrainLearner learn(*model, data.dls, [](const Tensor& x, const IntArray& y) {
      return cross_entropy(x, y) + Scalar{5};
    });
    StopAfter stop(9, folder.file("stopped"));
    if (!other) learn.add(stop);
    learn.add(metrics);
    learn.add(keeps);
    try {
      learn.fit(3);
    } catch (const std::runtime_error&) {
      CHECK_FALSE(other);
    }
  }
  CHECK(std::filesystem::exists(best));
}

TEST_CASE("CheckpointCB: in another folder the best epoch so far comes along, and no other's") {
  const TemporaryFolder here, there;
  // The highest loss is that of the first epoch, and nothing behind it is "better".
  const auto options = [](const TemporaryFolder& folder) {
    return CheckpointOptions{
        .last = folder.file("last"), .best = folder.file("best"), .larger_is_better = true};
  };
  WholeFit first(options(here));
  first.run();
  const std::string best = file_bytes(here.file("best"));
  REQUIRE(best != file_bytes(here.file("last")));
  const auto go_on = [&] {
    WholeFit second(options(there));
    second.checkpoint.resume(here.file("last"));
    second.run();
  };
  go_on();
  CHECK(file_bytes(there.file("best")) == best);
  // What lies there already gives way, of another fit or of this one, ...
  for (const Settings& settings : {Settings{{"another", "fit"}}, Settings{}}) {
    save_checkpoint(there.file("best"), *first.learn, {}, settings);
    go_on();
    CHECK(file_bytes(there.file("best")) == best);
  }
  // ... and another's beside the checkpoint stays where it is.
  save_checkpoint(here.file("best"), *first.learn, {}, {{"another", "fit"}});
  std::filesystem::remove(there.file("best"));
  go_on();
  CHECK_FALSE(std::filesystem::exists(there.file("best")));
}
