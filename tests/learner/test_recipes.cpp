#include "learner/examples/fashion_mnist/recipes.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "data/synthetic.h"
#include "engine/ops/layout.h"
#include "engine/random.h"
#include "engine/tape.h"
#include "learner/callbacks/checkpoint_cb.h"
#include "learner/callbacks/metrics_cb.h"
#include "tests/learner/fits.h"
#include "tests/plot/picture.h"
#include "tests/support/errors.h"

using namespace kindling;
using namespace kindling::test;
using kindling::plot::testing::TemporaryFolder;

namespace {

/// The images of a batch, bit by bit.
std::set<std::string> images_of(const Batch& batch) {
  std::set<std::string> images;
  for (Index i = 0; i < batch.size(); ++i)
    images.insert(bits(slice(batch.xs[0], 0, i, i + 1).value()));
  return images;
}

}  // namespace

TEST_CASE("every recipe trains and judges, and can be done so again bit by bit") {
  const ImageDataset train = synthetic_images(48, 10, 1), valid = synthetic_images(20, 10, 2);
  std::set<std::string> names, augmenting, originals;
  for (const ImageDataset* images : {&train, &valid})
    for (Index i = 0; i < images->size(); ++i)
      originals.merge(images_of(images->batch(std::vector<Index>{i})));
  for (const NamedRecipe& named : recipes()) {
    CAPTURE(named.name);
    CHECK(names.insert(named.name).second);
    CHECK(named.description != "");
    const auto losses = [&] {
      set_seed(3);
      Recipe recipe = named.make();
      CHECK(recipe.epochs > 0);
      CHECK(recipe.models > 0);
      recipe.batch_size = 16;
      recipe.lr /= 100;  // so few images do not bear the rate of so many
      MetricsCB metrics;
      metrics.log = nullptr;
      const auto learn = make_learner(recipe, make_data_loaders(train, valid, recipe.batch_size));
      learn->add(metrics);
      OnEvent watch(
          [&](const std::string& event, Learner& l) {
            if (event != "after_predict") return;
            for (const std::string& image : images_of(l.batch)) {
              const bool made_up = !originals.contains(image);
              if (l.training && made_up) augmenting.insert(named.name);
              if (!l.training) CHECK_FALSE(made_up);  // nobody is judged by those
            }
          },
          100);
      learn->add(watch);
      if (recipe.prepare) {
        const NoGrad no_grad;
        recipe.prepare(*recipe.model, learn->dls.train.begin()->xs[0]);
      }
      learn->fit(2);
      std::vector<double> values;
      for (const MetricsRow& row : metrics.history()) values.push_back(row["loss"]);
      return values;
    };
    const std::vector<double> first = losses();
    CHECK(first.size() == 4);
    for (const double loss : first) CHECK(std::isfinite(loss));
    CHECK(first[0] != first[2]);  // something was learned, or unlearned
    CHECK(losses() == first);
  }
  CHECK(augmenting == std::set<std::string>{"quick", "augment", "erase", "copy-ensemble", "fast93",
                                            "fast94", "best5", "best", "best50"});
}

TEST_CASE("every recipe goes on from a checkpoint as if nothing had been") {
  const TemporaryFolder folder;
  const ImageDataset train = synthetic_images(48, 10, 1), valid = synthetic_images(20, 10, 2);
  for (const NamedRecipe& named : recipes()) {
    CAPTURE(named.name);
    // Two epochs of three batches; one that is to be interrupted is, behind the second of them.
    const auto weights_of = [&](bool interrupt, std::optional<std::string> from) {
      set_seed(from ? 7 : 3);
      Recipe recipe = named.make();
      recipe.batch_size = 16;
      recipe.lr /= 100;
      const auto learn = make_learner(recipe, make_data_loaders(train, valid, 16));
      if (recipe.prepare && !from) {
        const NoGrad no_grad;
        recipe.prepare(*recipe.model, learn->dls.train.begin()->xs[0]);
      }
      CheckpointCB checkpoint;
      if (from) checkpoint.resume(*from);
      OnEvent plug(
          [&](const std::string& event, Learner& l) {
            if (interrupt && event == "after_batch" && l.training && l.iter == 1) {
              save_checkpoint(folder.file("half"), l, l.next());
              throw std::runtime_error("pulled the plug");
            }
          },
          callback_order::kCheckpoint);
      learn->add(checkpoint);
      learn->add(plug);
      if (interrupt)
        CHECK_THROWS_WITH(learn->fit(2), "pulled the plug");
      else
        learn->fit(2);
      return bits(*recipe.model);
    };
    const std::string whole = weights_of(false, {});
    const std::string half = weights_of(true, {});
    CHECK((half != whole));
    CHECK((weights_of(false, folder.file("half")) == whole));
  }
}

TEST_CASE("a recipe's schedule goes by the rate that it is given") {
  const ImageDataset data = synthetic_images(16, 10, 1);
  Recipe recipe = find_recipe("onecycle").make();
  recipe.lr = 0.5;
  recipe.batch_size = 4;
  struct HighestCB : Callback {
    double rate = 0;
    void after_step(Learner& learn) override { rate = std::max(rate, learn.opt->lr()); }
  } highest;
  const auto learn = make_learner(recipe, make_data_loaders(data, data, recipe.batch_size));
  learn->add(highest);
  learn->fit(5);
  CHECK(highest.rate > 0.4);
  CHECK(highest.rate <= 0.5);
  CHECK(learn->opt->lr() < 0.05);
}

TEST_CASE("every recipe has a row in the table of recipes, and every row has a recipe") {
  std::ifstream file(KINDLING_SOURCE_DIR "/learner/examples/README.md");
  std::vector<std::string> rows, names;
  for (std::string line; std::getline(file, line) && line != "## Recipes";) {
  }
  for (std::string line; std::getline(file, line) && !line.starts_with("## ");)
    if (line.starts_with("| `")) rows.push_back(line.substr(3, line.find('`', 3) - 3));
  for (const NamedRecipe& named : recipes()) names.push_back(named.name);
  std::ranges::sort(rows);
  std::ranges::sort(names);
  CHECK(rows == names);
}

TEST_CASE("a recipe that there is not") {
  const std::string message = message_of([] { find_recipe("foo"); });
  for (const NamedRecipe& named : recipes()) CHECK(contains(message, named.name));
  CHECK(contains(message, "foo"));
  CHECK(find_recipe("resnet").name == "resnet");
}
