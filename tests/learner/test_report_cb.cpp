// What a page of a fit is put together from, and when it is written.

#include "learner/callbacks/report_cb.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "learner/callbacks/sched_cb.h"
#include "learner/files/safetensors.h"
#include "learner/judged_images.h"
#include "tests/learner/whole_fit.h"
#include "tests/plot/picture.h"
#include "tests/support/errors.h"

using namespace kindling;
using namespace kindling::test;
using plot::testing::file_bytes;
using plot::testing::TemporaryFolder;

namespace {

/// Three batches of training and two of validation an epoch.
struct Fit {
  Points data{12, 8, 4};
  nn::Sequential model{nn::make<nn::Linear>(3, 4), nn::make<nn::Linear>(4, 2)};
  MetricsCB metrics;
  ActivationStats stats{only<nn::Linear>};
  UpdateStats updates;
  ReportCB report;
  TrainLearner learn;

  explicit Fit(const std::string& path = "")
      : report({.path = path,
                .activations = &stats,
                .updates = &updates,
                .report = {.title = "a fit", .settings = {{"a", "b"}}}}),
        learn(model, data.dls, nn::CrossEntropyLoss(),
              {.cbs = {&metrics, &stats, &updates, &report}}) {
    metrics.add<metrics::Accuracy>("accuracy");
    metrics.log = nullptr;
  }
};

/// Throws E in the given event of a batch of the fit.
template <class E>
OnEvent breaks(const std::string& when, int epoch, Index iter, bool training, E error) {
  return OnEvent([=](const std::string& event, Learner& l) {
    if (event == when && l.epoch == epoch && l.iter == iter && l.training == training) throw error;
  });
}

}  // namespace

TEST_CASE("ReportCB: losses and rates of every batch, and all that others have gathered") {
  Fit fit;
  BatchSchedCB schedule(one_cycle({.max = 0.2}));
  std::vector<double> losses, rates;
  OnEvent watch([&](const std::string& event, Learner& l) {
    if (event == "after_loss" && l.training) losses.push_back(l.loss.item());
    if (event == "after_step") rates.push_back(l.opt->lr());
  });
  fit.learn.fit(2, {.cbs = {&schedule, &watch}});
  const Report r = fit.report.report();
  CHECK(r.title == "a fit");
  CHECK(r.settings.size() == 1);
  CHECK(r.ending.empty());
  REQUIRE(losses.size() == 6);
  CHECK(r.losses == losses);
  CHECK(r.rates == rates);
  CHECK(rates[0] != rates[3]);
  CHECK(r.measures == std::vector<std::string>{"loss", "accuracy"});
  REQUIRE(r.passes.size() == 4);
  for (std::size_t i = 0; i < 4; ++i) {
    const MetricsRow& row = fit.metrics.history()[i];
    CHECK(r.passes[i].epoch == static_cast<int>(i / 2));
    CHECK(r.passes[i].train == (i % 2 == 0));
    CHECK(r.passes[i].batches == (i < 2 ? 3 : 6));
    CHECK(r.passes[i].values == std::vector<double>{row["loss"], row["accuracy"]});
    CHECK(r.passes[i].seconds == row.seconds);
  }
  REQUIRE(r.histograms.size() == 2);
  CHECK(r.histograms[1].name == "1");
  CHECK(r.histograms[1].histograms == fit.stats.hooks()[1].state().histograms);
  CHECK(r.histograms[1].histograms.size() == 6);
  CHECK(r.stats[0].means == fit.stats.hooks()[0].state().means);
  CHECK(r.stats[0].stds == fit.stats.hooks()[0].state().stds);
  REQUIRE(r.updates.size() == 2);
  CHECK(r.updates[0].name == "0.weight");
  CHECK(r.updates[0].gradients == fit.updates.series()[0].gradients);
}

TEST_CASE("ReportCB: in the middle of a fit there is what was seen so far") {
  Fit fit;
  int passes = 0;
  OnEvent look(
      [&](const std::string& event, Learner&) {
        if (event != "after_epoch") return;
        const Report r = fit.report.report();
        CHECK(r.passes.size() == static_cast<std::size_t>(++passes));
        CHECK(r.losses.size() == 3U * static_cast<std::size_t>((passes + 1) / 2));
        CHECK(r.ending.empty());
      },
      100);
  fit.learn.fit(2, {.cbs = {&look}});
  CHECK(passes == 4);
}

TEST_CASE("ReportCB: the page is written however the fit ends, and says how") {
  const TemporaryFolder folder;
  const std::string path = folder.file("report.html");
  Fit fit(path);
  OnEvent cancels = breaks("after_loss", 1, 1, true, CancelFit());
  fit.learn.fit(2, {.cbs = {&cancels}});
  Report r = fit.report.report();
  CHECK(r.ending == "ended early, in epoch 2 of 2, training batch 2 of 3");
  CHECK(r.losses.size() == 4);
  CHECK(r.passes.size() == 2);
  CHECK(file_bytes(path) == report_page(report_json(r)));
  CHECK(fit.learn.metrics == nullptr);

  OnEvent throws = breaks("after_batch", 0, 0, false, std::runtime_error("!"));
  CHECK_THROWS_WITH_AS(fit.learn.fit(2, {.cbs = {&throws}}), "!", std::runtime_error);
  r = fit.report.report();
  CHECK(r.ending == "ended early, in epoch 1 of 2, validation batch 1 of 2");
  CHECK(r.losses.size() == 3);
  CHECK(r.passes.size() == 1);
  CHECK(file_bytes(path) == report_page(report_json(r)));

  OnEvent skips = breaks("after_loss", 0, 1, true, CancelEpoch());
  fit.learn.fit(2, {.cbs = {&skips}});  // begins afresh, and has no row for the pass
  r = fit.report.report();
  CHECK(r.ending.empty());
  CHECK(r.losses.size() == 4);
  REQUIRE(r.passes.size() == 3);
  CHECK(r.passes[0].batches == 1);
  CHECK(r.passes[1].batches == 4);
  CHECK(file_bytes(path) == report_page(report_json(r)));
}

TEST_CASE("ReportCB: a fit that does not get to its first batch leaves the page before as it was") {
  const TemporaryFolder folder;
  const std::string path = folder.file("report.html");
  Fit fit(path);
  fit.learn.fit(1);
  const std::string before = file_bytes(path);
  OnEvent refuses(
      [](const std::string& event, Learner&) {
        if (event == "before_fit") throw Error("no");
      },
      100);
  CHECK_THROWS_WITH_AS(fit.learn.fit(1, {.cbs = {&refuses}}), "no", Error);
  CHECK(file_bytes(path) == before);
  fit.learn.fit(0);  // ran its course, of which there is nothing to see
  CHECK(fit.report.report().losses.empty());
  CHECK(file_bytes(path) == report_page(report_json(fit.report.report())));
}

TEST_CASE("ReportCB: a rehearsal is no training") {
  const TemporaryFolder folder;
  const std::string path = folder.file("report.html");
  Fit fit(path);
  fit.learn.fit(1);
  const std::string before = file_bytes(path);
  capture_preds(fit.learn);
  fit.learn.fit(1, {.rehearse = true});
  CHECK(report_page(report_json(fit.report.report())) == before);
  CHECK(file_bytes(path) == before);
  std::filesystem::remove(path);
  fit.learn.fit(1, {.rehearse = true});
  CHECK(folder.entries() == 0);
}

TEST_CASE("ReportCB: alone, without metrics, validation or statistics") {
  Points data(12, 8, 4);
  nn::Sequential model{nn::make<nn::Linear>(3, 2)};
  ReportCB report;
  TrainLearner learn(model, data.dls, nn::CrossEntropyLoss(), {.cbs = {&report}});
  learn.fit(2, {.valid = false});
  const Report r = report.report();
  CHECK(r.losses.size() == 6);
  CHECK(r.passes.empty());
  CHECK(r.histograms.empty());
  CHECK(r.updates.empty());
}

TEST_CASE("ReportCB: a page that cannot be written is an error of the fit") {
  const TemporaryFolder folder;
  Fit fit(folder.file("no/report.html"));
  CHECK(
      contains(message_of<std::runtime_error>([&] { fit.learn.fit(1); }), "[report] cannot write"));
  CHECK(fit.report.report().losses.size() == 3);
}

TEST_CASE("ReportCB: of a fit that went on the page is that of one never interrupted") {
  const TemporaryFolder folder;
  WholeFit whole({});
  whole.run();
  const std::string expected = report_json(whole.report.report());
  for (const int batches : {1, 19, 20, 21, 23, 24, 46}) {
    CAPTURE(batches);
    WholeFit first({});
    StopAfter stop(batches, folder.file("half"));
    first.learn->add(stop);
    CHECK_THROWS_WITH(first.run(), "pulled the plug");
    CHECK(first.report.report().ending != "");
    WholeFit second({}, /*seed=*/7);
    second.checkpoint.resume(folder.file("half"));
    second.run();
    CHECK(report_json(second.report.report()) == expected);
  }
}

TEST_CASE("ReportCB: a state that makes no sense is refused by name") {
  const TemporaryFolder folder;
  const std::string path = folder.file("half");
  WholeFit first({});
  StopAfter stop(23, path);  // behind an epoch
  first.learn->add(stop);
  CHECK_THROWS_WITH(first.run(), "pulled the plug");
  const NamedArrays whole = read_safetensors(path);
  const std::pair<const char*, const char*> lies[] = {
      {"losses", "[1]"}, {"rates", "[]"}, {"rates", "3"}, {"ends", "[-1]"}, {"ends", "[21]"}};
  for (const auto& one : lies) {
    const std::string name = one.first, value = one.second;
    CAPTURE(name);
    CAPTURE(value);
    NamedArrays lie = whole;
    nlohmann::json state = nlohmann::json::parse(lie.metadata.at("state"));
    REQUIRE(state.contains(str("callbacks.report.", name)));
    state[str("callbacks.report.", name)] = nlohmann::json::parse(value);
    lie.metadata["state"] = state.dump();
    write_safetensors(path, lie);
    WholeFit second({}, /*seed=*/7);
    CHECK(contains(message_of([&] {
                     second.checkpoint.resume(path);
                     second.run();
                   }),
                   "callbacks.report."));
  }
}
