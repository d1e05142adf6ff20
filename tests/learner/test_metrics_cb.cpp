// What a pass came to: the rows of the MetricsCB.

#include <doctest/doctest.h>

#include <unistd.h>

#include <cstdio>
#include <string>
#include <vector>

#include "engine/error.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/loss.h"
#include "learner/callbacks/metrics_cb.h"
#include "nn/layers.h"
#include "nn/loss.h"
#include "tests/learner/fits.h"

using namespace kindling;
using namespace kindling::test;

namespace {

/// Cuts the seconds off the end of every line.
std::string without_seconds(const std::string& csv) {
  std::string text;
  for (std::size_t at = 0; at < csv.size();) {
    const std::size_t end = csv.find('\n', at);
    text += csv.substr(at, csv.rfind(',', end) - at) + "\n";
    at = end + 1;
  }
  return text;
}

/// A linear model that gives every point the same scores.
struct Undecided : nn::Linear {
  Undecided() : Linear(3, 2) {
    weight.set_value(Array(Shape{3, 2}, 0));
    bias.set_value(Array(Shape{2}, 0));
  }
};

void silent(const MetricsRow&) {}

}  // namespace

TEST_CASE("MetricsCB: rows are means over rows of data, not over batches") {
  // 7 rows in batches of 3, 3, 1 and a model that does not change: the loss over all rows at once.
  Points data(7, 5, 3);
  set_seed(3);
  nn::Linear model(3, 2);
  MetricsCB metrics;
  metrics.add<metrics::Accuracy>("accuracy");
  metrics.log = silent;
  TrainLearner learn(model, data.dls, nn::CrossEntropyLoss{}, {.lr = 0, .cbs = {&metrics}});
  learn.fit(2);
  REQUIRE(metrics.history().size() == 4);
  for (int i = 0; i < 4; ++i) {
    const MetricsRow& row = metrics.history()[i];
    CHECK(row.epoch == i / 2);
    CHECK(row.train == (i % 2 == 0));
    CHECK(row.split() == std::string(i % 2 ? "valid" : "train"));
    const TensorDataset& set = i % 2 ? data.valid : data.train;
    double loss = 0, right = 0;
    for (Index r = 0; r < set.size(); ++r) {
      const Batch one = set.batch(std::vector<Index>{r});
      const Tensor scores = model(one.xs[0]);
      loss += cross_entropy(scores, one.labels()).item();
      right += (scores.value()[1] > scores.value()[0]) == (one.labels()[0] == 1);
    }
    const auto n = static_cast<double>(set.size());
    REQUIRE(row.values.size() == 2);
    CHECK(row.values[0].first == "loss");
    CHECK(row["loss"] == doctest::Approx(loss / n).epsilon(1e-6));
    CHECK(row["accuracy"] == doctest::Approx(right / n).epsilon(1e-12));
    CHECK(row.seconds >= 0);
    CHECK(row.seconds < 10);
    CHECK_THROWS_WITH_AS(row["f1"], "[metrics] there is no 'f1' in the row", Error);
  }
  learn.fit(1);
  CHECK(metrics.history().size() == 2);
}

TEST_CASE("MetricsCB: csv has a line a row, nine digits a number") {
  Points data(7, 5, 3);
  Undecided model;
  double right_train = 0, right_valid = 0;
  for (const auto& [set, right] :
       {std::pair{&data.train, &right_train}, {&data.valid, &right_valid}})
    for (Index r = 0; r < set->size(); ++r)
      *right += set->batch(std::vector<Index>{r}).labels()[0] == 0;
  MetricsCB metrics;
  CHECK(metrics.csv() == "epoch,split,loss,seconds\n");
  metrics.add<metrics::Accuracy>("accuracy");
  metrics.log = silent;
  TrainLearner(model, data.dls, nn::CrossEntropyLoss{}, {.lr = 0, .cbs = {&metrics}}).fit(1);
  char expected[200];  // the loss is the float next to log 2
  std::snprintf(expected, sizeof expected,
                "epoch,split,loss,accuracy\n"
                "0,train,0.693147182,%.9g\n"
                "0,valid,0.693147182,%.9g\n",
                right_train / 7, right_valid / 5);
  CHECK(without_seconds(metrics.csv()) == expected);
  const std::string csv = metrics.csv();
  CHECK(csv.starts_with("epoch,split,loss,accuracy,seconds\n"));
  CHECK(csv.substr(csv.rfind(',') + 1).size() == 6);  // "0.001\n"
}

TEST_CASE("MetricsCB: rows go to the log, which anybody may take; a cancelled pass has no row") {
  Points data;
  nn::Linear model(3, 2);
  MetricsCB metrics;
  std::string logged;
  OnEvent watcher([&](const std::string& event, Learner& l) {
    if (event == "before_fit") {
      REQUIRE(l.metrics == &metrics);
      l.metrics->log = [&](const MetricsRow& row) {
        logged += row.split() + std::to_string(row.epoch) + " ";
      };
    }
    if (event == "after_loss" && l.epoch == 1 && l.training) throw CancelEpoch();
  });
  TrainLearner learn(model, data.dls, nn::CrossEntropyLoss{}, {.cbs = {&metrics, &watcher}});
  learn.fit(3);
  CHECK(logged == "train0 valid0 valid1 train2 valid2 ");
  CHECK(metrics.history().size() == 5);
  CHECK(learn.metrics == nullptr);
}

TEST_CASE("MetricsCB: prints to stdout unless somebody takes over") {
  Points data(4, 4, 4);
  Undecided model;
  MetricsCB metrics;
  TrainLearner learn(model, data.dls, nn::CrossEntropyLoss{}, {.lr = 0, .cbs = {&metrics}});
  const TemporaryFile out;
  std::fflush(stdout);
  const int terminal = dup(STDOUT_FILENO);
  dup2(fileno(out.file), STDOUT_FILENO);
  learn.fit(1);
  std::fflush(stdout);
  dup2(terminal, STDOUT_FILENO);
  close(terminal);
  CHECK(out.text() == "loss 0.6931  epoch 0  train\nloss 0.6931  epoch 0  valid\n");
}

TEST_CASE("MetricsCB: a batch that was cancelled does not count") {
  Points data(7, 5, 3);
  nn::Linear model(3, 2);
  MetricsCB metrics;
  metrics.log = silent;
  double last = 0;
  OnEvent skips([&](const std::string& event, Learner& l) {
    if (event != "after_loss") return;
    if (l.iter < 2) throw CancelBatch();
    last = l.loss.item();
  });
  TrainLearner(model, data.dls, nn::CrossEntropyLoss{}, {.cbs = {&metrics, &skips}})
      .fit(1, {.valid = false});
  CHECK(metrics.history().at(0)["loss"] == last);
}

TEST_CASE("MetricsCB: names are taken once and cannot break the table") {
  MetricsCB metrics;
  metrics.add<metrics::Accuracy>("accuracy");
  for (const char* name : {"accuracy", "loss", "epoch", "split", "seconds", "", "a,b", "a\nb"})
    CHECK_THROWS_AS(metrics.add<metrics::Accuracy>(name), Error);
  CHECK(metrics.names() == std::vector<std::string>{"loss", "accuracy"});
}

TEST_CASE("MetricsCB: the latest row, in a rehearsal too, and none before the pass is over") {
  Points data;
  nn::Linear model(3, 2);
  MetricsCB metrics;
  metrics.log = nullptr;
  CHECK_THROWS_WITH_AS(
      metrics.latest(),
      "[metrics] this pass has no row yet: ask behind the MetricsCB, when it is over", Error);
  int rows = 0;
  OnEvent early(
      [&](const std::string& event, Learner&) {
        if (event == "after_epoch") CHECK_THROWS_AS(metrics.latest(), Error);
      },
      -1);
  OnEvent late([&](const std::string& event, Learner& l) {
    if (event != "after_epoch") return;
    ++rows;
    CHECK(metrics.latest().train == l.training);
    CHECK(metrics.latest().epoch == l.epoch);
  });
  TrainLearner learn(model, data.dls, nn::CrossEntropyLoss{}, {.cbs = {&metrics, &early, &late}});
  learn.fit(2, {.rehearse = true});
  CHECK(rows == 4);
  CHECK(metrics.history().empty());
  learn.fit(2);
  CHECK(metrics.latest()["loss"] == metrics.history().back()["loss"]);
}

TEST_CASE("MetricsCB: one in a fit") {
  Points data;
  nn::Linear model(3, 2);
  MetricsCB first, second;
  first.log = second.log = nullptr;
  TrainLearner learn(model, data.dls, nn::CrossEntropyLoss{}, {.cbs = {&first}});
  CHECK_THROWS_WITH_AS(learn.fit(1, {.cbs = {&second}}),
                       "[metrics] two MetricsCB in one fit: one expected", Error);
  learn.fit(1);
  CHECK(first.history().size() == 2);
  CHECK(learn.metrics == nullptr);
  // One that leaves in the middle of a fit is not there in the next.
  OnEvent leaves([&](const std::string& event, Learner& l) {
    if (event == "before_batch") l.remove(first);
  });
  learn.fit(1, {.cbs = {&leaves}});
  CHECK(learn.metrics == nullptr);
  learn.fit(1, {.cbs = {&second}});
  CHECK(second.history().size() == 2);
}
