// What a terminal may be sent: colours, and the codes that clear a line.

#include "learner/terminal.h"

#include <doctest/doctest.h>

#include <string>

#include "learner/callbacks/progress.h"
#include "nn/layers.h"
#include "nn/loss.h"
#include "tests/learner/fits.h"
#include "tests/learner/terminal.h"

using namespace kindling;
using namespace kindling::test;

TEST_CASE("colours are for a terminal that knows them, whose user wants them") {
  const Terminal terminal(80);
  const TemporaryFile file;
  std::FILE* out = terminal.out();
  const Variable unset("NO_COLOR", nullptr);
  CHECK(use_color(out));
  CHECK_FALSE(use_color(file.file));
  {
    const Variable empty("NO_COLOR", "");
    CHECK(use_color(out));
    const Variable set("NO_COLOR", "0");  // anything at all
    CHECK_FALSE(use_color(out));
    CHECK(has_escapes(out));
  }
  {
    const Variable dumb("TERM", "dumb");
    CHECK_FALSE(use_color(out));
    CHECK_FALSE(has_escapes(out));
    const Variable nameless("TERM", nullptr);
    CHECK_FALSE(use_color(out));
  }
  CHECK(use_color(out));
}

TEST_CASE("ProgressCB: a dumb terminal gets what a file gets") {
  for (const bool dumb : {true, false}) {
    CAPTURE(dumb);
    Terminal terminal(80);
    const Variable term("TERM", dumb ? "dumb" : "vt100");
    Points data(12, 8, 4);
    nn::Linear model(3, 2);
    ProgressCB progress({.out = terminal.out()});
    TrainLearner(model, data.dls, nn::CrossEntropyLoss{}, {.cbs = {&progress}}).fit(1);
    const std::string text = terminal.text();
    CHECK((text.find('\x1b') == std::string::npos) == dumb);
    CHECK((text.find('\r') == std::string::npos) == dumb);
    CHECK(text.find("    0  train") != std::string::npos);
  }
}
