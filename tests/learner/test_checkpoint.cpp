// A fit that is interrupted and goes on: the same bits as one that never was.

#include "learner/files/checkpoint.h"

#include <doctest/doctest.h>

#include <set>
#include <stdexcept>
#include <string>

#include "learner/files/state_dict.h"
#include "nn/muon.h"
#include "tests/learner/whole_fit.h"
#include "tests/plot/picture.h"
#include "tests/support/errors.h"

using namespace kindling;
using namespace kindling::test;
using plot::testing::file_bytes;
using plot::testing::TemporaryFolder;

namespace {

/// Why a fit does not go on from a file.
std::string refusal(WholeFit& fit, const std::string& path) {
  return message_of([&] {
    fit.checkpoint.resume(path);
    fit.run();
  });
}

}  // namespace

TEST_CASE("checkpoint: a fit interrupted after any batch ends in the same file, byte for byte") {
  const TemporaryFolder folder;
  const std::string whole = folder.file("whole"), half = folder.file("half"),
                    rest = folder.file("rest");
  WholeFit uninterrupted({.last = whole});
  uninterrupted.run();
  REQUIRE(uninterrupted.progress.losses().size() == 40);
  const std::string expected = file_bytes(whole);

  for (int batches = 1; batches <= 46; ++batches) {
    CAPTURE(batches);
    WholeFit first({});
    StopAfter stop(batches, half);
    first.learn->add(stop);
    CHECK_THROWS_WITH(first.run(), "pulled the plug");
    WholeFit second({.last = rest}, /*seed=*/7);  // whatever it begins with must not matter
    second.checkpoint.resume(half);
    second.run();
    CHECK((file_bytes(rest) == expected));
    CHECK(second.metrics.csv() == uninterrupted.metrics.csv());
  }
}

TEST_CASE("checkpoint: a fit interrupted between two epochs ends in the same file") {
  const TemporaryFolder folder;
  const std::string whole = folder.file("whole"), half = folder.file("half"),
                    rest = folder.file("rest");
  WholeFit uninterrupted({.last = whole});
  uninterrupted.run();
  WholeFit first({.last = half});
  OnEvent stop([](const std::string& event, Learner& learn) {
    if (event == "before_epoch" && learn.epoch == 1) throw std::runtime_error("pulled the plug");
  });
  first.learn->add(stop);
  CHECK_THROWS_WITH(first.run(), "pulled the plug");
  WholeFit second({.last = rest}, /*seed=*/7);
  second.checkpoint.resume(half);
  second.run();
  CHECK(second.metrics.csv() == uninterrupted.metrics.csv());
  CHECK((file_bytes(rest) == file_bytes(whole)));
}

TEST_CASE("checkpoint: a loader's own stream of random numbers goes on too") {
  const TemporaryFolder folder;
  const std::string whole = folder.file("whole"), half = folder.file("half"),
                    rest = folder.file("rest");
  const auto shuffled_by = [](WholeFit& fit, Random& random) {
    fit.learn->dls.train = DataLoader(fit.train, 8, random);
  };
  Random one(5), same(5), other(6);
  WholeFit uninterrupted({.last = whole}), first({}), second({.last = rest}, /*seed=*/7);
  shuffled_by(uninterrupted, one);
  shuffled_by(first, same);
  shuffled_by(second, other);
  StopAfter stop(7, half);
  first.learn->add(stop);
  set_seed(1);
  const Random::State begin = default_random().state();
  uninterrupted.run();
  default_random().set_state(begin);
  CHECK_THROWS_WITH(first.run(), "pulled the plug");
  second.checkpoint.resume(half);
  second.run();
  CHECK((file_bytes(rest) == file_bytes(whole)));
}

TEST_CASE("checkpoint: every optimizer goes on with what its steps have left") {
  const TemporaryFolder folder;
  const std::string whole = folder.file("whole"), half = folder.file("half"),
                    rest = folder.file("rest");
  struct Kind {
    OptimizerFactory make;
    std::set<std::string> slots;  // the arrays it keeps for each parameter
  };
  const Kind kinds[] = {
      {optimizer<nn::SGD>(), {}},
      {optimizer<nn::SGD>(nn::SGDOptions{.momentum = 0.9}), {"velocity"}},
      {optimizer<nn::SGD>(nn::SGDOptions{.momentum = 0.9, .nesterov = true}), {"velocity"}},
      {optimizer<nn::RMSprop>(), {"square"}},
      {optimizer<nn::RMSprop>(nn::RMSpropOptions{.momentum = 0.5}), {"square", "velocity"}},
      {optimizer<nn::Muon>(), {"velocity", "mean", "square"}},
      {optimizer<nn::Adam>(nn::AdamOptions{.weight_decay = 0.1}), {"mean", "square"}},
      {optimizer<nn::Adam>(nn::AdamOptions{.beta1 = 0, .beta2 = 0}), {"mean", "square"}}};
  for (const auto& [make, slots] : kinds) {
    WholeFit uninterrupted({.last = whole}), first({}), second({.last = rest}, 7);
    StopAfter stop(7, half);
    first.learn->add(stop);
    for (WholeFit* fit : {&uninterrupted, &first, &second}) fit->learn->opt_func = make;
    set_seed(1);
    const Random::State begin = default_random().state();
    for (WholeFit* fit : {&uninterrupted, &first}) {
      default_random().set_state(begin);
      if (fit == &first)
        CHECK_THROWS_WITH(fit->run(), "pulled the plug");
      else
        fit->run();
    }
    second.checkpoint.resume(half);
    second.run();
    CHECK((file_bytes(rest) == file_bytes(whole)));
    std::set<std::string> kept;
    for (const auto& [name, array] : read_safetensors(half).arrays)
      if (name.starts_with("optimizer.")) kept.insert(name.substr(10, name.find('.', 10) - 10));
    CHECK((kept == slots));
  }
}

TEST_CASE("checkpoint: resumed twice, and with other numbers of threads") {
  const TemporaryFolder folder;
  const std::string whole = folder.file("whole"), half = folder.file("half"),
                    rest = folder.file("rest");
  WholeFit uninterrupted({.last = whole});
  uninterrupted.run();
  for (const int threads : {1, 3}) {
    const Threads guard(threads);
    WholeFit first({});
    StopAfter stop(7, half);
    first.learn->add(stop);
    CHECK_THROWS_WITH(first.run(), "pulled the plug");
    WholeFit second({});
    StopAfter again(20, half);
    second.learn->add(again);
    second.checkpoint.resume(half);
    CHECK_THROWS_WITH(second.run(), "pulled the plug");
    WholeFit third({.last = rest});
    third.checkpoint.resume(half);
    third.run();
    CHECK((file_bytes(rest) == file_bytes(whole)));
  }
}

TEST_CASE("checkpoint: of a fit that is over, nothing is left to do and everything to see") {
  const TemporaryFolder folder;
  const std::string path = folder.file("last");
  WholeFit first({.last = path});
  first.run();
  WholeFit second({}, 9);
  second.checkpoint.resume(path);
  second.run();
  CHECK(bits(second.model) == bits(first.model));
  CHECK(second.metrics.csv() == first.metrics.csv());
  CHECK(second.progress.losses() == first.progress.losses());
  CHECK(second.stats.hooks()[1].state().histograms == first.stats.hooks()[1].state().histograms);
}

TEST_CASE("checkpoint: another fit or model is refused by name, and nothing has changed") {
  const TemporaryFolder folder;
  const std::string path = folder.file("last");
  WholeFit fit({.last = path, .settings = {{"recipe", "quick"}, {"seed", "1"}}});
  fit.run();

  WholeFit other({.settings = {{"recipe", "slow"}, {"augment", "yes"}}});
  const std::string before = bits(other.model);
  CHECK(refusal(other, path) ==
        "[checkpoint] \"" + path +
            "\": of another fit: augment nothing there, yes here; recipe quick there, slow here; "
            "seed 1 there, nothing here");
  CHECK(bits(other.model) == before);

  const Settings same{{"recipe", "quick"}, {"seed", "1"}};
  WholeFit wider({.settings = same}, 1, 6);
  const std::string weights = bits(wider.model);
  const std::string message = refusal(wider, path);
  CHECK(contains(message, "of another model: "));
  CHECK(contains(message, "0.0.weight (6,1,3,3), got (4,1,3,3)"));
  CHECK(bits(wider.model) == weights);

  WholeFit fewer({.settings = same});
  fewer.learn->dls.train = DataLoader(fewer.train, 16, true);
  CHECK(contains(refusal(fewer, path), "batch-size 8 there, 16 here; batches 20 there, 10 here"));

  WholeFit sgd({.settings = same});
  sgd.learn->opt_func = optimizer<nn::SGD>();
  CHECK(contains(refusal(sgd, path), "optimizer.type: expected SGD, got AdamW"));
  WholeFit decay({.settings = same});
  decay.learn->opt_func = optimizer<nn::AdamW>(nn::AdamOptions{.weight_decay = 0.5});
  CHECK(contains(refusal(decay, path), "optimizer.weight_decay: expected 0.5, got 0.01"));
  WholeFit blind({.settings = same});
  blind.learn->remove(blind.stats);
  CHECK(contains(refusal(blind, path), "holds 'callbacks.activation_stats."));
  WholeFit measured({.settings = same});
  measured.metrics.add<metrics::Accuracy>("again");
  CHECK(contains(refusal(measured, path),
                 "callbacks.metrics.metric.again.sum: expected a number, got nothing"));
}

TEST_CASE("checkpoint: a file of weights can be read from it, and is not one itself") {
  const TemporaryFolder folder;
  const std::string path = folder.file("last"), weights = folder.file("weights");
  WholeFit fit({.last = path});
  fit.run();
  WholeFit other({});
  load_state_dict(other.model, read_weights(path));
  CHECK(bits(other.model) != bits(fit.model));
  fit.ema.keep();  // the epoch was judged by the averages
  CHECK(bits(other.model) == bits(fit.model));
  NamedArrays others = state_dict(fit.model);
  others.metadata["settings"] = "of somebody else's program";
  write_safetensors(weights, others);
  CHECK(read_weights(weights).arrays.size() == read_weights(path).arrays.size());
  CHECK(read_weights(weights).metadata == others.metadata);
  CHECK(read_weights(path).metadata == Checkpoint(path).settings());
  CHECK_THROWS_WITH_AS(
      Checkpoint{weights},
      ("[checkpoint] \"" + weights + "\": holds weights alone, and no state to go on from").c_str(),
      Error);
}

TEST_CASE("checkpoint: a setting that would be taken for one of its own is refused") {
  const TemporaryFolder folder;
  for (const char* name : {"epochs", "batch-size", "precision"}) {
    WholeFit fit({.last = folder.file("last"), .settings = {{name, "many"}}});
    CHECK(message_of([&] { fit.run(); }) ==
          str("[checkpoint] setting '", name,
              "': another name expected, the checkpoint writes one of that name itself"));
    CHECK(fit.metrics.history().empty());  // at once, not after an epoch
  }
}
