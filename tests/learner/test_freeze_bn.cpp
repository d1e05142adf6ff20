// Batch norms in a fit: those that are frozen, and a last batch that none has a variance of.

#include "learner/callbacks/freeze_bn.h"

#include <doctest/doctest.h>

#include <stdexcept>
#include <string>

#include "nn/layers.h"
#include "nn/loss.h"
#include "nn/param_groups.h"
#include "tests/learner/fits.h"
#include "tests/support/errors.h"

using namespace kindling;
using namespace kindling::test;

namespace {

/// The running statistics of a module, bit for bit.
std::string statistics(const nn::Module& module) {
  std::string all;
  for (const auto& [path, tensor] : module.named_buffers()) all += bits(tensor.value());
  return all;
}

/// Two layers with batch norms, of which the first is frozen: all of it, or all but the bias of its
/// norm.
struct Half {
  Points data;
  nn::Sequential model{nn::make<nn::Linear>(3, 4), nn::make<nn::BatchNorm1d>(4),
                       nn::make<nn::Linear>(4, 4), nn::make<nn::BatchNorm1d>(4),
                       nn::make<nn::Linear>(4, 2)};
  TrainLearner learn{model, data.dls, nn::CrossEntropyLoss(), {.lr = 0.5}};
  explicit Half(bool all = true) {
    nn::freeze(model[0]);
    nn::freeze(model[1]);
    if (!all) model[1].parameters()[1].set_requires_grad(true);
  }
};

}  // namespace

TEST_CASE("FreezeBNCB: the statistics of frozen batch norms stand still, those of others move") {
  for (const bool frozen : {false, true})
    for (const bool all : {false, true}) {
      set_seed(1);
      Half half(all);
      FreezeBNCB freezes;
      if (frozen) half.learn.add(freezes);
      const std::string first = statistics(half.model[1]), second = statistics(half.model[3]);
      const std::string weights = bits(half.model[1]);
      half.learn.fit(2);
      CHECK((statistics(half.model[1]) == first) == (frozen && all));
      CHECK((statistics(half.model[3]) != second));
      CHECK((bits(half.model[1]) == weights) == all);
    }
}

TEST_CASE("FreezeBNCB: what is still computes by its running statistics, as in validation") {
  set_seed(1);
  Half half;
  FreezeBNCB freezes;
  int seen = 0;
  OnEvent watch([&](const std::string& event, Learner& learn) {
    if (event != "after_predict") return;
    ++seen;
    CHECK_FALSE(half.model[1].training());
    for (const Index other : {0, 2, 3, 4}) CHECK(half.model[other].training() == learn.training);
  });
  // With a deviation of 1 and a mean of 0 an untrained norm changes nothing, but for its eps.
  const auto hook =
      half.model[1].register_forward_hook([&](nn::Module&, const Tensor& x, const Tensor& y) {
        for (Index i = 0; i < x.size(); ++i)
          CHECK(y.value()[i] == doctest::Approx(x.value()[i]).epsilon(1e-4));
      });
  half.learn.fit(2, {.cbs = {&freezes, &watch}});
  CHECK(seen == 10);
}

TEST_CASE("FreezeBNCB: every module has the mode of the last pass, however the fit ends") {
  for (const std::string end : {"well", "cancelled", "thrown out"}) {
    CAPTURE(end);
    Half half;
    FreezeBNCB freezes;
    OnEvent stop([&](const std::string& event, Learner& learn) {
      if (event != "after_backward" || learn.iter != 1 || end == "well") return;
      if (end == "cancelled") throw CancelFit();
      throw std::runtime_error("!");
    });
    const auto fit = [&] { half.learn.fit(1, {.valid = false, .cbs = {&freezes, &stop}}); };
    if (end == "thrown out")
      CHECK_THROWS_WITH(fit(), "!");
    else
      fit();
    for (const auto& [path, module] : half.model.named_modules()) CHECK(module->training());
    const std::string before = statistics(half.model[1]);
    half.learn.fit(1);  // without it
    CHECK((statistics(half.model[1]) != before));
  }
}
