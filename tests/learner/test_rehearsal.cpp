// What lr_find() and capture_preds() leave behind in the callbacks of a learner: nothing.

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "engine/parallel.h"
#include "learner/callbacks/lr_finder.h"
#include "learner/predictions.h"
#include "tests/learner/numbers.h"
#include "tests/learner/whole_fit.h"

using namespace kindling;
using namespace kindling::test;

TEST_CASE("a rehearsal keeps nothing, and nothing that was kept goes") {
  for (const bool predicts : {false, true}) {
    CAPTURE(predicts);
    WholeFit fit({}), other({});
    set_seed(3);
    const Random::State begin = default_random().state();
    fit.run();
    default_random().set_state(begin);
    other.run();
    const std::string csv = fit.metrics.csv();
    const std::vector<double> losses = fit.progress.losses(), rates = fit.recorder["lr"],
                              own = weights(fit.model);
    const std::vector<double> ratios = fit.updates.series()[0].ratios;
    const std::size_t batches = fit.stats.hooks()[0].state().means.size();
    if (predicts) {
      const Predictions found = capture_preds(*fit.learn);
      CHECK(found.scores.shape() == Shape{40, 5});
      CHECK(found.accuracy() == doctest::Approx(fit.metrics.history().back()["accuracy"]));
    } else {
      CHECK(lr_find(*fit.learn, {.max_epochs = 1}).lrs[1] == doctest::Approx(1.3e-5));
    }
    CHECK(fit.metrics.csv() == csv);
    CHECK(fit.progress.losses() == losses);
    CHECK(fit.recorder["lr"] == rates);
    CHECK(fit.stats.hooks()[0].state().means.size() == batches);
    CHECK(batches > 0);
    CHECK(fit.updates.series()[0].ratios == ratios);
    CHECK(weights(fit.model) == own);
    fit.ema.keep();
    other.ema.keep();
    CHECK(weights(fit.model) == weights(other.model));
  }
}

TEST_CASE("a schedule by epoch does not touch the rates of a rehearsal") {
  Points data(12, 8, 4);
  nn::Linear model(3, 2);
  EpochSchedCB schedule(linear(0.5, 0.1));
  std::vector<double> used;
  OnEvent watch([&](const std::string& event, Learner& l) {
    if (event == "after_step") used.push_back(l.opt->lr());
  });
  TrainLearner learn(model, data.dls, nn::CrossEntropyLoss(), {.cbs = {&schedule, &watch}});
  const LRFindResult found = lr_find(learn, {.start_lr = 1e-3, .max_epochs = 3});
  CHECK(found.lrs.size() == 9);
  CHECK(found.lrs == used);
}

TEST_CASE("a rehearsal does not mind that patience has run out, or that nothing can be watched") {
  WholeFit fit({});
  PlateauCB plateau;
  TrainLearner bare(fit.model, fit.learn->dls, nn::CrossEntropyLoss(),
                    {.cbs = {&plateau, &fit.stopping}});
  CHECK(capture_preds(bare).labels.size() == 40);
  EarlyStoppingCB impatient({.threshold = 0.99, .patience = 0});
  fit.learn->remove(fit.stopping);
  fit.learn->add(impatient);
  fit.learn->fit(4);
  REQUIRE(impatient.stopped());
  CHECK(capture_preds(*fit.learn).labels.size() == 40);
  CHECK(impatient.stopped());
}

TEST_CASE("capture_preds: parts of the model that had a mode of their own have it back") {
  WholeFit fit({});
  fit.model[0].eval();
  capture_preds(*fit.learn);
  CHECK(fit.model.training());
  CHECK_FALSE(fit.model[0].training());
  CHECK(fit.model[1].training());
}
