// How a fit shows itself: on a terminal, in a file, as a plot, or not at all.

#include "learner/callbacks/progress.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <limits>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "nn/layers.h"
#include "nn/loss.h"
#include "tests/learner/fits.h"
#include "tests/learner/terminal.h"
#include "tests/plot/picture.h"

using namespace kindling;
using namespace kindling::test;

namespace {

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

struct Show {
  Points data{12, 8, 4};
  nn::Linear model{3, 2};
  MetricsCB metrics;
  TrainLearner learn{model, data.dls, nn::CrossEntropyLoss{}, {.cbs = {&metrics}}};
  Show() {
    metrics.add<metrics::Accuracy>("accuracy");
    metrics.add<metrics::Accuracy>("a_rather_long_name");
  }
};

/// Checks the table of `epochs` epochs: header once, a row a pass, columns below one another.
void check_table(const std::string& text, const MetricsCB& metrics) {
  const auto lines = lines_of(text);
  REQUIRE(lines.size() == 1 + metrics.history().size());
  CHECK(lines[0] == "epoch  split      loss  accuracy  a_rather_long_name  seconds");
  for (std::size_t i = 1; i < lines.size(); ++i) {
    const MetricsRow& row = metrics.history()[i - 1];
    char expected[100];
    std::snprintf(expected, sizeof expected, "%5d  %s  %8.4f  %8.4f  %18.4f  %7.2f", row.epoch,
                  row.split(), row["loss"], row["accuracy"], row["a_rather_long_name"],
                  row.seconds);
    CHECK(lines[i] == expected);
    CHECK(lines[i].size() == lines[0].size());
  }
}

/// Lets the progress line, which is drawn every 60 ms at most, be drawn in the middle of a pass.
OnEvent slow() {
  return OnEvent([](const std::string& event, Learner& l) {
    if (event == "before_batch" && l.iter == 2)
      std::this_thread::sleep_for(std::chrono::milliseconds(70));
  });
}

}  // namespace

TEST_CASE("ProgressCB: a file gets an aligned table and no control characters") {
  Show show;
  const TemporaryFile out;
  ProgressCB progress({.out = out.file});
  show.learn.add(progress);
  show.learn.fit(3);
  const std::string text = out.text();
  for (const char c : text) CHECK((c == '\n' || (c >= 32 && c < 127)));
  check_table(text, show.metrics);
  CHECK(progress.losses().size() == 9);
}

TEST_CASE("ProgressCB: without metrics the table shows the loss") {
  Points data(7, 5, 3);
  nn::Linear model(3, 2);
  model.weight.set_value(Array(Shape{3, 2}, 0));
  model.bias.set_value(Array(Shape{2}, 0));
  const TemporaryFile out;
  ProgressCB progress({.out = out.file});
  TrainLearner(model, data.dls, nn::CrossEntropyLoss{}, {.lr = 0, .cbs = {&progress}}).fit(1);
  const auto lines = lines_of(out.text());
  REQUIRE(lines.size() == 3);
  CHECK(lines[0] == "epoch  split      loss  seconds");
  CHECK(lines[1].starts_with("    0  train    0.6931  "));
  CHECK(lines[2].starts_with("    0  valid    0.6931  "));
}

TEST_CASE("ProgressCB: on a terminal one line updates, fits, and leaves nothing but the table") {
  for (const char* locale : {"C", "C.UTF-8"})
    for (const int columns : {0, 1, 20, 40, 66, 80, 200}) {
      CAPTURE(locale);
      CAPTURE(columns);
      const Locale set(locale);
      Show show;
      Terminal terminal(columns);
      ProgressCB progress({.out = terminal.out()});
      OnEvent wait = slow();
      show.learn.fit(columns == 80 ? 2 : 1, {.cbs = {&wait, &progress}});
      const Screen screen(terminal.text(), columns ? columns : 80);
      CHECK(screen.trouble == "");
      CHECK(screen.column == 0);
      check_table(screen.text(), show.metrics);
      if (columns == 1) continue;  // no room for anything
      CHECK(screen.drawn.size() >= (columns == 80 ? 6u : 3u));
      if (columns == 20 || columns == 40) CHECK(screen.widest == columns - 1u);
      if (columns == 66) continue;  // with or without a bar: that depends on the speed
      const bool wide = columns != 20 && columns != 40, unicode = locale != std::string("C");
      CHECK(contains(screen.drawn[0], "\u2500") == (wide && unicode));
      CHECK(contains(screen.drawn[0], "[=") == (wide && !unicode));
    }
}

TEST_CASE("ProgressCB: the line names epoch, pass, batch, loss, speed and the time to go") {
  const Locale set("C");
  Show show;
  Terminal terminal(120);
  ProgressCB progress({.out = terminal.out()});
  OnEvent wait = slow();
  show.learn.fit(2, {.cbs = {&wait, &progress}});
  const Screen screen(terminal.text(), 120);
  REQUIRE(screen.drawn.size() >= 6);
  const auto drew = [&](const std::string& front, double mean, const char* back) {
    char loss[40];
    std::snprintf(loss, sizeof loss, " loss %.4f  ", mean);
    return std::any_of(screen.drawn.begin(), screen.drawn.end(), [&](const std::string& line) {
      return line.starts_with(front) && contains(line, loss) && contains(line, back);
    });
  };
  const auto& losses = progress.losses();
  CHECK(drew("epoch 0 (of 2) train [==========>                   ] 1/3 ", losses[0],
             " images/s  eta 0:"));
  // The running loss is the mean over the pass so far.
  CHECK(drew("epoch 0 (of 2) train [==============================] 3/3 ",
             (losses[0] + losses[1] + losses[2]) / 3, " images/s  eta 0:"));
  CHECK(drew("epoch 1 (of 2) train [==========>                   ] 1/3 ", losses[3],
             " images/s  eta 0:"));
  CHECK(screen.drawn.back().starts_with("epoch 1 (of 2) valid ["));
}

TEST_CASE("ProgressCB: the terminal is left clean when a fit is cancelled or breaks off") {
  for (const bool cancelled : {true, false}) {
    CAPTURE(cancelled);
    Show show;
    Terminal terminal(80);
    ProgressCB progress({.out = terminal.out()});
    OnEvent stops(
        [&](const std::string& event, Learner& l) {
          if (event != "after_batch" || l.epoch != 1 || l.iter != 1) return;
          if (cancelled) throw CancelFit();
          throw std::runtime_error("!");
        },
        2);
    if (cancelled)
      show.learn.fit(3, {.cbs = {&progress, &stops}});
    else
      CHECK_THROWS_WITH_AS(show.learn.fit(3, {.cbs = {&progress, &stops}}), "!",
                           std::runtime_error);
    const Screen screen(terminal.text(), 80);
    CHECK(screen.trouble == "");
    CHECK(screen.drawn.size() >= 3);
    CHECK(screen.column == 0);
    CHECK(screen.lines.back().empty());
    check_table(screen.text(), show.metrics);
    CHECK(progress.losses().size() == 5);
  }
}

TEST_CASE("ProgressCB: the metrics have their log back after the fit, however it ended") {
  for (const std::string end : {"quietly", "cancelled", "error"}) {
    CAPTURE(end);
    Show show;
    const TemporaryFile out;
    int logged = 0;
    show.metrics.log = [&](const MetricsRow&) { ++logged; };
    OnEvent stops([&](const std::string& event, Learner& l) {
      if (event != "after_loss" || l.epoch == 0) return;
      if (end == "cancelled") throw CancelFit();
      if (end == "error") throw std::runtime_error("!");
    });
    {
      ProgressCB progress({.out = out.file});
      try {
        show.learn.fit(2, {.cbs = {&progress, &stops}});
      } catch (const std::runtime_error&) {
        CHECK(end == "error");
      }
      CHECK(logged == 0);
      CHECK(lines_of(out.text()).size() == (end == "quietly" ? 5 : 3));
      REQUIRE(show.metrics.log);
      show.metrics.log(show.metrics.history()[0]);
      CHECK(logged == 1);
      if (logged != 1) continue;  // what follows would call a callback that is gone
    }
    show.learn.fit(1);
    CHECK(logged == 3);
  }
}

TEST_CASE("ProgressCB: a second fit has its own header, losses and rows") {
  Show show;
  const TemporaryFile out;
  ProgressCB progress({.out = out.file});
  show.learn.add(progress);
  show.learn.fit(2);
  show.learn.fit(1);
  CHECK(lines_of(out.text()).size() == 5 + 3);
  CHECK(lines_of(out.text())[5].starts_with("epoch  split"));
  CHECK(progress.losses().size() == 3);
  CHECK(progress.valid_losses().size() == 1);
}

TEST_CASE("ProgressCB: without an output it is silent and keeps the losses") {
  Points data(12, 8, 4);
  nn::Linear model(3, 2);
  std::vector<double> train, valid;
  OnEvent watcher([&](const std::string& event, Learner& l) {
    if (event == "after_batch") (l.training ? train : valid).push_back(l.loss.item());
  });
  ProgressCB progress({.out = nullptr});
  TrainLearner(model, data.dls, nn::CrossEntropyLoss{}, {.cbs = {&watcher, &progress}}).fit(2);
  CHECK(progress.losses() == train);
  REQUIRE(progress.valid_losses().size() == 2);
  for (std::size_t i = 0; i < 2; ++i) {
    CHECK(progress.valid_losses()[i].batch == 3.0 * static_cast<double>(i + 1));
    CHECK(progress.valid_losses()[i].loss ==
          doctest::Approx((valid[2 * i] + valid[2 * i + 1]) / 2).epsilon(1e-12));
  }
}

TEST_CASE("ProgressCB: the plot is replaced as a whole, also when the fit breaks off") {
  const plot::testing::TemporaryFolder folder;
  const std::string path = folder.file("losses.png");
  Points data(12, 8, 4);
  nn::Linear model(3, 2);
  ProgressCB progress({.out = nullptr, .plot = path});
  TrainLearner learn(model, data.dls, nn::CrossEntropyLoss{}, {.cbs = {&progress}});
  learn.fit(1);
  const std::string first = plot::testing::file_bytes(path);
  CHECK(first.starts_with("\x89PNG"));
  std::FILE* reader = std::fopen(path.c_str(), "rb");
  REQUIRE(reader != nullptr);
  OnEvent stops([](const std::string& event, Learner& l) {
    if (event == "after_loss" && l.epoch == 1) throw std::runtime_error("!");
  });
  CHECK_THROWS_WITH_AS(learn.fit(3, {.cbs = {&stops}}), "!", std::runtime_error);
  CHECK((plot::testing::file_bytes(path) != first));
  CHECK(folder.entries() == 1);
  // Whoever had the old picture open still has all of it.
  std::string old(first.size() + 1, '\0');
  old.resize(std::fread(old.data(), 1, old.size(), reader));
  CHECK((old == first));
  std::fclose(reader);

  progress.plot_losses(folder.file("again.png"));
  CHECK((plot::testing::file_bytes(folder.file("again.png")) == plot::testing::file_bytes(path)));
}

TEST_CASE(
    "ProgressCB: a plot that cannot be written ends the fit with an error, after all cleanups") {
  const plot::testing::TemporaryFolder folder;
  Points data(12, 8, 4);
  nn::Linear model(3, 2);
  ProgressCB progress({.out = nullptr, .plot = folder.file("no/losses.png")});
  bool cleaned = false;
  OnEvent watcher([&](const std::string& event, Learner&) { cleaned |= event == "cleanup_fit"; },
                  9);
  TrainLearner learn(model, data.dls, nn::CrossEntropyLoss{}, {.cbs = {&progress, &watcher}});
  CHECK_THROWS_AS(learn.fit(1), std::runtime_error);
  CHECK(cleaned);
  CHECK(folder.entries() == 0);
}

TEST_CASE("clock_time: minutes and seconds, hours when there are any") {
  CHECK(clock_time(0) == "0:00");
  CHECK(clock_time(5.4) == "0:05");
  CHECK(clock_time(59.6) == "1:00");
  CHECK(clock_time(65) == "1:05");
  CHECK(clock_time(3599) == "59:59");
  CHECK(clock_time(3599.5) == "1:00:00");
  CHECK(clock_time(7389) == "2:03:09");
  CHECK(clock_time(360000) == "100:00:00");
  CHECK(clock_time(-1) == "-:--");
  CHECK(clock_time(std::numeric_limits<double>::quiet_NaN()) == "-:--");
  CHECK(clock_time(std::numeric_limits<double>::infinity()) == "-:--");
}

TEST_CASE("progress_bar: fills from the left, never beyond its width") {
  CHECK(progress_bar(0, 4, false) == "[>   ]");
  CHECK(progress_bar(0.5, 4, false) == "[==> ]");
  CHECK(progress_bar(0.74, 4, false) == "[==> ]");
  CHECK(progress_bar(1, 4, false) == "[====]");
  CHECK(progress_bar(1.5, 4, false) == "[====]");
  CHECK(progress_bar(-1, 4, false) == "[>   ]");
  CHECK(progress_bar(0.5, 0, false) == "[]");
  CHECK(progress_bar(0.5, 4, true) == "\u2501\u2501\u2500\u2500");
  CHECK(progress_bar(1, 2, true) == "\u2501\u2501");
  CHECK(progress_bar(0, 2, true) == "\u2500\u2500");
}
