#include "learner/callbacks/tensorboard_cb.h"

#include <doctest/doctest.h>

#include "learner/callbacks/lr_finder.h"
#include "learner/callbacks/sched_cb.h"
#include "learner/plot/png.h"
#include "tests/learner/event_reader.h"
#include "tests/learner/small_fit.h"
#include "tests/support/errors.h"

namespace kindling::test {

namespace {

using plot::testing::TemporaryFolder;
using Steps = std::vector<Index>;
constexpr int kAll = 1000;  ///< More batches than a SmallFit has.

/// The newest event file of a folder.
std::vector<Message> latest(const std::string& folder) {
  const auto files = event_files(folder);
  REQUIRE(!files.empty());
  return events_of(files.back());
}

plot::Canvas picture() {
  plot::Canvas canvas(20, 10);
  canvas.disc({5, 5}, 3, plot::kInk);
  return canvas;
}

}  // namespace

TEST_CASE("tensorboard: losses, rates, metrics, parameters and pictures of a fit, step by step") {
  const TemporaryFolder folder;
  const std::string runs = folder.file("runs");
  SmallFit fit;  // two epochs of three batches
  BatchSchedCB schedule([](Index step, Index) { return 0.01 * static_cast<double>(step + 1); });
  TensorBoardCB board(runs);
  board.add_picture("a picture", picture);
  std::vector<float> losses;
  OnEvent watch([&](const std::string& event, Learner& learn) {
    if (event == "after_loss" && learn.training)
      losses.push_back(static_cast<float>(learn.loss.item()));
  });
  fit.learn->remove(fit.plateau);  // which will have no schedule beside it
  for (Callback* cb : std::initializer_list<Callback*>{&schedule, &board, &watch})
    fit.learn->add(*cb);
  fit.run(kAll);

  REQUIRE(event_files(runs).size() == 1);
  const auto events = latest(runs);
  Scalars expected, rates;
  for (std::size_t i = 0; i < losses.size(); ++i) {
    expected.emplace_back(i + 1, losses[i]);
    rates.emplace_back(i + 1, static_cast<float>(0.01 * static_cast<double>(i + 1)));
  }
  CHECK(losses.size() == 6);
  CHECK(scalars(events, "loss/batch") == expected);
  CHECK(scalars(events, "lr") == rates);
  for (const MetricsRow& row : fit.metrics.history())
    for (const auto& [name, value] : row.values) {
      const auto found = scalars(events, name + "/" + row.split());
      REQUIRE(found.size() == 2);
      CHECK(found[static_cast<std::size_t>(row.epoch)] ==
            std::pair<Index, float>(3 * (row.epoch + 1), static_cast<float>(value)));
    }
  for (const auto& [path, parameter] : fit.model.named_parameters()) {
    const auto found = tagged(events, "parameters/" + path);
    REQUIRE(found.size() == 2);
    CHECK(found[1].first == 6);
    const Message h = found[1].second.message(5);
    const auto values = parameter.value().values();
    const auto [low, high] = std::minmax_element(values.begin(), values.end());
    CHECK(h.reals<double>(1).at(0) == *low);
    CHECK(h.reals<double>(2).at(0) == *high);
    CHECK(h.reals<double>(3).at(0) == parameter.value().size());
  }
  CHECK(steps(events, "a picture") == Steps{3, 6});
  const Message image = tagged(events, "a picture")[1].second.message(4);
  CHECK(image.fields.at(4).at(0) == plot::encode_png(picture()));
  CHECK(image.numbers.at(1).at(0) == 20);
  CHECK(image.numbers.at(2).at(0) == 40);

  // The next fit has a file of its own, and counts on; a rehearsal has none.
  lr_find(*fit.learn);
  CHECK(event_files(runs).size() == 1);
  fit.run(kAll);
  CHECK(event_files(runs).size() == 2);
  CHECK(steps(latest(runs), "loss/batch") == Steps{7, 8, 9, 10, 11, 12});
  CHECK(steps(latest(runs), "loss/valid") == Steps{9, 12});
}

TEST_CASE("tensorboard: a fit that goes on from a checkpoint counts on from there") {
  const TemporaryFolder folder;
  // Batches of both kinds: three of training, two of validation, and again.
  struct Row {
    int batches;
    Steps expected, trained, judged;
  };
  const Row rows[] = {{2, {3, 4, 5, 6}, {3, 6}, {3, 6}},
                      {4, {4, 5, 6}, {6}, {3, 6}},
                      {5, {4, 5, 6}, {6}, {3, 6}},
                      {7, {6}, {6}, {6}},
                      {9, {}, {}, {6}}};
  for (const Row& row : rows) {
    CAPTURE(row.batches);
    const std::string runs = folder.file("runs" + std::to_string(row.batches)),
                      path = folder.file("checkpoint");
    {
      SmallFit fit;
      TensorBoardCB board(runs);
      fit.learn->add(board);
      fit.run(row.batches);
      fit.save(path);
    }
    SmallFit fit;
    TensorBoardCB board(runs);
    fit.learn->add(board);
    fit.restore(Checkpoint(path), kAll);
    const auto events = latest(runs);
    CHECK(steps(events, "loss/batch") == row.expected);
    CHECK(steps(events, "loss/train") == row.trained);
    CHECK(steps(events, "loss/valid") == row.judged);
    REQUIRE(events.front().has(7));
    const Index first = row.expected.empty() ? 7 : row.expected.front();
    CHECK(events.front().numbers.at(2).at(0) == static_cast<std::uint64_t>(first));
    CHECK(board.batches_before == 6);
  }
}

TEST_CASE("tensorboard: changes nothing, and a fit that ends early leaves all as it was") {
  const TemporaryFolder folder;
  SmallFit plain, watched;
  plain.run(kAll);
  set_seed(1);
  TensorBoardCB board(folder.file("runs"));
  SmallFit fresh;
  fresh.learn->add(board);
  fresh.run(kAll);
  CHECK(bits(fresh.model) == bits(plain.model));

  // Thrown out of after the second batch: the file is whole, and the next fit counts on behind it.
  CHECK(fresh.run(2));
  CHECK(steps(latest(folder.file("runs")), "loss/batch") == Steps{7, 8});
  CHECK(board.batches_before == 8);
  CHECK(fresh.learn->callbacks().size() == plain.learn->callbacks().size() + 1);
  fresh.learn->remove(board);
  fresh.run(kAll);
  CHECK(event_files(folder.file("runs")).size() == 2);
}

TEST_CASE(
    "tensorboard: the last row is there when somebody has seen enough, not one of half a pass") {
  const TemporaryFolder folder;
  SmallFit fit;
  TensorBoardCB board(folder.file("runs"));
  OnEvent enough([](const std::string& event, Learner& learn) {
    if (event == "after_batch" && learn.training && learn.epoch == 0) throw CancelEpoch();
    if (event == "after_epoch" && !learn.training && learn.epoch == 1) throw CancelFit();
  });
  fit.learn->add(enough);
  fit.learn->add(board);
  fit.run(kAll);
  CHECK(steps(latest(folder.file("runs")), "loss/train") == Steps{6});
  CHECK(scalars(latest(folder.file("runs")), "loss/valid").back() ==
        std::pair<Index, float>(6, static_cast<float>(fit.metrics.history().back()["loss"])));
}

TEST_CASE("tensorboard: fits that only judge, or have no metrics") {
  const TemporaryFolder folder;
  Points data;
  nn::Linear model(3, 2);
  TensorBoardCB board(folder.file("runs"), false);
  TrainLearner learn(model, data.dls, nn::CrossEntropyLoss(), {.cbs = {&board}});
  learn.fit(1);
  CHECK(latest(folder.file("runs")).size() == 6);  // a loss and a rate for each of three batches
  MetricsCB metrics;
  metrics.log = nullptr;
  learn.fit(1, {.train = false, .cbs = {&metrics}});
  const auto events = latest(folder.file("runs"));
  CHECK(events.size() == 1);
  CHECK(steps(events, "loss/valid") == Steps{3});
}

TEST_CASE("tensorboard: bad input is refused in one line") {
  const TemporaryFolder folder;
  TensorBoardCB board(folder.file("runs"));
  board.add_picture("a", picture);
  CHECK(message_of([&] { board.add_picture("a", picture); }) ==
        "[tensorboard] 'a' is there already");
  CHECK(message_of([&] { board.add_picture("", picture); }) ==
        "[tensorboard] '': a name and a function expected");
  CHECK(message_of([&] { board.add_picture("b", nullptr); }) ==
        "[tensorboard] 'b': a name and a function expected");
  TensorBoardCB nowhere("/dev/null/runs");
  SmallFit fit;
  fit.learn->add(nowhere);
  CHECK(
      begins(message_of([&] { fit.run(kAll); }), "[events] \"/dev/null/runs\": cannot be made: "));
  fit.learn->remove(nowhere);
  fit.run(kAll);
}

}  // namespace kindling::test
