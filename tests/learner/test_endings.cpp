// A fit whose time is up, and a table that is there however it ends.

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

#include "learner/callbacks/checkpoint_cb.h"
#include "learner/callbacks/csv_logger.h"
#include "learner/callbacks/jsonl_logger.h"
#include "learner/callbacks/lr_finder.h"
#include "learner/callbacks/max_time.h"
#include "learner/callbacks/metrics_cb.h"
#include "learner/predictions.h"
#include "nn/layers.h"
#include "nn/loss.h"
#include "tests/learner/fits.h"
#include "tests/learner/whole_fit.h"
#include "tests/plot/picture.h"
#include "tests/support/errors.h"

using namespace kindling;
using namespace kindling::test;
using kindling::plot::testing::file_bytes;
using kindling::plot::testing::TemporaryFolder;

namespace {

/// Each training batch takes a second.
struct Timed {
  Points data;
  nn::Linear model{3, 2};
  MetricsCB metrics;
  MaxTimeCB limit;
  double now = 100;
  int trained = 0, validated = 0;
  OnEvent tick{[this](const std::string& event, Learner& learn) {
    if (event == "after_batch" && learn.training) ++trained, now += 1;
    if (event == "after_epoch" && !learn.training) ++validated;
  }};
  TrainLearner learn{model, data.dls, nn::CrossEntropyLoss(), {.cbs = {&metrics, &limit, &tick}}};
  explicit Timed(double seconds) : limit(seconds) {
    metrics.log = nullptr;
    limit.clock = [this] { return now; };
  }
};

}  // namespace

TEST_CASE("MaxTimeCB: trains until time is up, validates, and ends; an epoch has three batches") {
  struct Case {
    double seconds;
    int trained, validated;
    bool stopped;
  };
  for (const auto& [seconds, trained, validated, stopped] : {Case{0, 0, 1, true},
                                                             {2, 2, 1, true},
                                                             {2.5, 3, 1, true},
                                                             {4, 4, 2, true},
                                                             {1000, 12, 4, false}}) {
    Timed fit(seconds);
    fit.learn.fit(4);
    CHECK(fit.trained == trained);
    CHECK(fit.validated == validated);
    CHECK(fit.limit.stopped() == stopped);
    fit.learn.fit(1, {.train = false});  // and the learner is as ready as before
    fit.now += 5;
    const int before = fit.trained;
    fit.learn.fit(4);
    CHECK(fit.trained == before + trained);
  }
  CHECK_THROWS_AS(MaxTimeCB(-1), Error);
  CHECK_THROWS_AS(MaxTimeCB(std::nan("")), Error);
}

TEST_CASE("MaxTimeCB: a fit whose time is up in its last epoch has not come to its end") {
  for (const bool validates : {true, false}) {
    Timed fit(4);
    bool to_its_end = false;
    OnEvent end([&](const std::string& event, Learner&) { to_its_end |= event == "after_fit"; });
    fit.learn.add(end);
    fit.learn.fit(2, {.valid = validates});
    CHECK(fit.trained == 4);
    CHECK(fit.validated == (validates ? 2 : 0));
    CHECK_FALSE(to_its_end);
  }
}

TEST_CASE("MaxTimeCB: a rehearsal takes no time, and a fit that goes on has what is left") {
  Timed fit(0);
  CHECK(lr_find(fit.learn, {.max_epochs = 2}).losses.size() == 6);
  fit.learn.fit(4);
  CHECK(fit.limit.stopped());
  lr_find(fit.learn, {.max_epochs = 1});
  CHECK(fit.limit.stopped());

  const TemporaryFolder folder;
  const std::string half = folder.file("half");
  Timed first(5), second(5);
  CheckpointCB keeps({.last = half, .every = 2}), goes_on;
  first.learn.add(keeps);
  OnEvent plug([&](const std::string& event, Learner&) {
    if (event == "before_batch" && first.trained == 2) throw std::runtime_error("pulled the plug");
  });
  first.learn.add(plug);
  CHECK_THROWS_WITH(first.learn.fit(4), "pulled the plug");
  second.now = 5000;
  goes_on.resume(half);
  second.learn.add(goes_on);
  second.learn.fit(4);
  CHECK(second.trained == 3);
  CHECK(second.limit.stopped());
}

TEST_CASE(
    "MaxTimeCB: what was trained before a fit went on is validated, and more time is more time") {
  const TemporaryFolder folder;
  const std::string half = folder.file("half");
  Timed first(4);
  CheckpointCB keeps({.last = half, .every = 1});
  OnEvent plug(
      [&](const std::string& event, Learner&) {
        if (event == "before_batch" && first.trained == 4)
          throw std::runtime_error("pulled the plug");
      },
      -1);
  first.learn.add(keeps);
  first.learn.add(plug);
  CHECK_THROWS_WITH(first.learn.fit(4), "pulled the plug");
  for (const double seconds : {4.0, 6.0}) {
    Timed second(seconds);
    CheckpointCB goes_on;
    goes_on.resume(half);
    second.learn.add(goes_on);
    second.learn.fit(4);
    CHECK(second.trained == (seconds == 4 ? 0 : 2));
    CHECK(second.validated == 1);
    CHECK(second.limit.stopped());
  }
}

TEST_CASE("CSVLoggerCB: the table of the metrics, after every pass") {
  const TemporaryFolder folder;
  const std::string path = folder.file("history.csv");
  Points data;
  nn::Linear model(3, 2);
  MetricsCB metrics;
  metrics.log = nullptr;
  CSVLoggerCB logger(path);
  TrainLearner learn(model, data.dls, nn::CrossEntropyLoss(), {.cbs = {&logger, &metrics}});
  int passes = 0;
  OnEvent watch(
      [&](const std::string& event, Learner&) {
        if (event == "after_epoch") {
          CHECK(file_bytes(path) == metrics.csv());
          if (++passes == 3) throw std::runtime_error("pulled the plug");
        }
      },
      100);
  learn.add(watch);
  CHECK_THROWS_WITH(learn.fit(2), "pulled the plug");
  CHECK(passes == 3);
  const std::string table = file_bytes(path);
  CHECK(std::count(table.begin(), table.end(), '\n') == 4);
  CHECK(folder.entries() == 1);
  learn.remove(watch);
  OnEvent refuse(
      [](const std::string& event, Learner&) {
        if (event == "before_fit") throw std::runtime_error("refused");
      },
      100);
  learn.add(refuse);
  CHECK_THROWS_WITH(learn.fit(2), "refused");
  CHECK(file_bytes(path) == table);  // of the fit before
  learn.remove(refuse);
  learn.fit(0);
  CHECK(file_bytes(path) == metrics.csv());
  std::filesystem::remove(path);
  capture_preds(learn);
  CHECK(folder.entries() == 0);

  learn.remove(metrics);
  CHECK(capture_preds(learn).labels.size() == 8);
  CHECK(contains(message_of([&] { learn.fit(1); }), "[csv_logger] a MetricsCB expected"));
  learn.add(metrics);
  CSVLoggerCB nowhere(folder.file("none/history.csv"));
  learn.add(nowhere);
  CHECK_THROWS_AS(learn.fit(1), std::runtime_error);
}

TEST_CASE("CSVLoggerCB: a fit that goes on and is ended at once still has its table written") {
  const TemporaryFolder folder;
  const std::string half = folder.file("half"), table = folder.file("history.csv");
  WholeFit first({});
  StopAfter stop(25, half);  // in the second epoch, as one has 20 batches and 3
  first.learn->add(stop);
  CHECK_THROWS_WITH(first.run(), "pulled the plug");
  WholeFit second({});
  CSVLoggerCB logger(table);
  OnEvent ends([](const std::string& event, Learner&) {
    if (event == "before_epoch") throw CancelFit();
  });
  second.checkpoint.resume(half);
  second.learn->fit(2, {.cbs = {&ends, &logger}});
  CHECK(file_bytes(table) == second.metrics.csv());
  CHECK(second.metrics.history().size() == 2);
}

TEST_CASE("JSONLLoggerCB: the same rows as JSON, and null for what is no number") {
  const TemporaryFolder folder;
  const std::string path = folder.file("history.jsonl");
  Points data;
  nn::Linear model(3, 2);
  MetricsCB metrics;
  metrics.log = nullptr;
  metrics.clock = [] { return 2.5; };
  metrics.add<metrics::Accuracy>("the \"accuracy\"");
  metrics.add<metrics::Precision>("precision", 2, metrics::Average::macro);
  JSONLLoggerCB logger(path);
  TrainLearner learn(model, data.dls, nn::CrossEntropyLoss(), {.cbs = {&metrics, &logger}});
  learn.fit(2);
  std::ifstream file(path);
  std::size_t rows = 0;
  for (std::string line; std::getline(file, line); ++rows) {
    const auto json = nlohmann::json::parse(line);
    const MetricsRow& row = metrics.history().at(rows);
    CHECK(json.size() == 6);
    CHECK(json["epoch"] == row.epoch);
    CHECK(json["split"] == row.split());
    CHECK(json["seconds"] == 0);
    for (const auto& [name, value] : row.values) CHECK(json[name] == value);
  }
  CHECK(rows == 4);

  for (Tensor parameter : model.parameters())
    parameter.set_value(Array(parameter.shape(), std::numeric_limits<Scalar>::quiet_NaN()));
  learn.fit(1);
  CHECK(contains(file_bytes(path), "\"loss\":null"));
}
