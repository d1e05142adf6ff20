#include "learner/schedules.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/support/errors.h"
#include "tests/support/nn_fixtures.h"

using namespace kindling;
using namespace kindling::test;

namespace {

/// The schedule that a row of the fixture is about.
Schedule schedule_of(const Json& row) {
  const std::string name = row["name"].text;
  const double lr = row["lr"].number;
  const auto setting = [&](const char* key, double otherwise) {
    return row.members.contains(key) ? row[key].number : otherwise;
  };
  if (name == "linear") return linear(lr, row["to"].number);
  if (name == "cosine") return cosine(lr, row["to"].number);
  if (name == "exponential") return exponential(lr, row["gamma"].number);
  if (name == "step_decay")
    return step_decay(lr, static_cast<Index>(row["every"].number), row["gamma"].number);
  if (name == "flat_cosine") return flat_cosine(lr, row["flat"].number, setting("to", 0));
  if (name == "three")
    return compose({{0.2, linear(lr / 4, lr)}, {0.5, exponential(lr, 0.9)}, {0.3, cosine(lr)}});
  if (name == "warm_up") return warm_up(row["share"].number, cosine(lr));
  const double share = setting("share", 0.3);
  if (name == "one_cycle")
    return one_cycle({.max = lr,
                      .warm_up = share,
                      .div = setting("div", 25),
                      .final_div = setting("final_div", 1e4)});
  if (name == "one_cycle_momentum")
    return one_cycle_momentum(setting("low", 0.85), setting("high", 0.95), share);
  throw std::logic_error("no schedule " + name);
}

}  // namespace

TEST_CASE("every schedule is PyTorch's, over all of its steps") {
  const auto rows = reference_cases("schedules", "schedules.json");
  CHECK(rows.size() == 38);
  for (const Json& row : rows) {
    CAPTURE(row["name"].text);
    const Schedule schedule = schedule_of(row);
    const std::vector<double> expected = row["values"].numbers();
    const Index steps = std::ssize(expected);
    CAPTURE(steps);
    for (Index i = 0; i < steps; ++i)
      CHECK(std::abs(schedule(i, steps) - expected[static_cast<std::size_t>(i)]) <= 1e-15);
  }
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

TEST_CASE("geometric goes by equal factors, and compose gives each piece its steps") {
  const Schedule down = geometric(1, 0.0625);
  for (Index i = 0; i < 4; ++i) CHECK(down(i, 4) == std::pow(0.5, i));
  const Schedule pieces = compose({{0.3, constant(5)}, {0.5, linear(1, 0)}, {0.2, constant(-1)}});
  const double expected[] = {5, 5, 5, 1, 0.8, 0.6, 0.4, 0.2, -1, -1};
  for (Index i = 0; i < 10; ++i) CHECK(std::abs(pieces(i, 10) - expected[i]) <= 1e-15);
  const Schedule flat = flat_cosine(0.3),
                 same = compose({{0.72, constant(0.3)}, {0.28, cosine(0.3)}});
  for (Index i = 0; i < 50; ++i) CHECK(flat(i, 50) == same(i, 50));
  // However few the steps, each has a piece.
  for (Index steps = 1; steps < 6; ++steps)
    for (Index i = 0; i < steps; ++i) CHECK(std::isfinite(pieces(i, steps)));
}

TEST_CASE("schedules: of no steps at all, a number all the same") {
  for (const Schedule& schedule :
       {constant(0.5), linear(0.5, 0), cosine(0.5), geometric(0.5, 0.1), exponential(0.5, 0.9),
        step_decay(0.5, 3), flat_cosine(0.5), compose({{0.5, linear(0.5, 1)}, {0.5, cosine(0.5)}})})
    CHECK(schedule(0, 0) == 0.5);
  for (const Schedule& schedule :
       {warm_up(0.1, constant(0.5)), one_cycle({.max = 0.5}), one_cycle_momentum()})
    CHECK(std::isfinite(schedule(0, 0)));
}

TEST_CASE("schedules: settings that make no sense are refused by name") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const auto starts = [](const std::string& who, const auto& make) {
    const std::string message = message_of(make);
    CHECK_MESSAGE(begins(message, "[" + who + "] "), message);
  };
  starts("constant", [&] { constant(nan); });
  starts("linear", [&] { linear(0, nan); });
  starts("cosine", [&] { cosine(nan); });
  starts("geometric", [&] { geometric(1, 0); });
  starts("exponential", [&] { exponential(1, -1); });
  starts("step_decay", [&] { step_decay(1, 0); });
  starts("compose", [&] { compose({}); });
  starts("compose", [&] { compose({{0.5, constant(1)}}); });
  starts("compose", [&] { compose({{1, nullptr}}); });
  starts("compose", [&] { compose({{-0.5, constant(1)}, {1.5, constant(1)}}); });
  starts("warm_up", [&] { warm_up(2, constant(1)); });
  starts("warm_up", [&] { warm_up(0.1, nullptr); });
  starts("flat_cosine", [&] { flat_cosine(1, -1); });
  starts("one_cycle_momentum", [&] { one_cycle_momentum(0.9, 0.8); });
  starts("one_cycle_momentum", [&] { one_cycle_momentum(0.9, 1); });
  starts("schedule", [&] { plot_schedules("x.png", {}, 0); });
  starts("schedule", [&] { plot_schedules("x.png", {{"a", nullptr}}, 3); });
}
