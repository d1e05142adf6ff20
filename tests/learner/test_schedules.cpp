#include "learner/schedules.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "learner/callbacks/sched_cb.h"
#include "nn/loss.h"
#include "nn/models.h"
#include "tests/learner/fits.h"
#include "tests/support/errors.h"

using namespace kindling;
using namespace kindling::test;

TEST_CASE("one_cycle is PyTorch's OneCycleLR") {
  const std::vector<double> usual{
      0.0040000000000000036, 0.0349789654219583,  0.08792851591221287,   0.09944154354509119,
      0.09330129698414118,   0.0811745653949763,  0.06473789976951033,   0.046263710266697504,
      0.028306099820869922,  0.01334775301888306, 0.0034566987425395223, 4e-07};
  const Schedule first = one_cycle({.max = 0.1});
  for (Index i = 0; i < 12; ++i)
    CHECK(std::abs(first(i, 12) - usual[static_cast<std::size_t>(i)]) <= 1e-15);
  const std::vector<double> other{0.0019999999999999983,
                                  0.008218847050625472,
                                  0.018281152949374525,
                                  0.019010678990345167,
                                  0.01223298413022358,
                                  0.003781336879431253,
                                  2e-05};
  const Schedule second = one_cycle({.max = 0.02, .warm_up = 0.5, .div = 10, .final_div = 100});
  for (Index i = 0; i < 7; ++i)
    CHECK(std::abs(second(i, 7) - other[static_cast<std::size_t>(i)]) <= 1e-15);
}

TEST_CASE("one_cycle has a rate for every step of however few") {
  for (const double warm_up : {0.0, 0.3, 1.0})
    for (Index steps = 1; steps <= 5; ++steps)
      for (Index i = 0; i < steps; ++i) {
        const double rate = one_cycle({.max = 1, .warm_up = warm_up})(i, steps);
        CHECK(rate >= 0);
        CHECK(rate <= 1);
      }
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const OneCycleOptions& bad :
       {OneCycleOptions{.max = -1}, {.max = nan}, {.warm_up = 1.5}, {.div = 0}, {.final_div = -2}})
    CHECK(begins(message_of([&] { one_cycle(bad); }), "[one_cycle] max "));
}

TEST_CASE("BatchSchedCB sets the rate before every training batch, and no other") {
  set_seed(1);
  const Points data(12, 8, 4);
  const auto model = nn::mlp(3, 4, 2);
  std::vector<double> rates;
  BatchSchedCB schedule([](Index step, Index steps) {
    return 0.01 * static_cast<double>(step + 1) + static_cast<double>(steps);
  });
  OnEvent watch([&](const std::string& event, Learner& learn) {
    if (event == "after_step") rates.push_back(learn.opt->lr());
  });
  TrainLearner learn(*model, data.dls, nn::CrossEntropyLoss(), {.cbs = {&schedule, &watch}});
  learn.fit(2);
  CHECK(rates == std::vector<double>{6.01, 6.02, 6.03, 6.04, 6.05, 6.06});
}
