// Trains a small model for two epochs with a TensorBoardCB, interrupted and resumed; prints what
// the files should hold, for test_events.py.
//
//     event_writer FOLDER
//
// Lines of stdout: a number's tag, step and value.

#include <cstdio>
#include <exception>
#include <string>

#include "learner/callbacks/tensorboard_cb.h"
#include "tests/learner/small_fit.h"

int main(int argc, char** argv) {
  using namespace kindling;
  if (argc != 2) return 2;
  try {
    const std::string folder = argv[1], runs = folder + "/runs", path = folder + "/checkpoint";
    for (const bool resumed : {false, true}) {
      test::SmallFit fit;  // two epochs of three batches, and of two to judge by
      TensorBoardCB board(runs);
      board.add_picture("a picture", [] {
        plot::Canvas canvas(20, 10);
        canvas.fill_rect({0, 0, 10, 10}, plot::kInk);
        return canvas;
      });
      test::OnEvent watch([](const std::string& event, Learner& learn) {
        if (event == "after_loss" && learn.training)
          std::printf("loss/batch\t%d\t%.9g\n", static_cast<int>(3 * learn.epoch + learn.iter + 1),
                      static_cast<double>(learn.loss.item()));
      });
      fit.learn->add(board);
      fit.learn->add(watch);
      if (!resumed) {
        fit.run(7);  // the second batch of the second epoch
        fit.save(path);
        continue;
      }
      fit.restore(Checkpoint(path), 1000);
      for (const MetricsRow& row : fit.metrics.history())
        for (const auto& [name, value] : row.values)
          std::printf("%s/%s\t%d\t%.17g\n", name.c_str(), row.split(), 3 * (row.epoch + 1), value);
      for (const auto& [name, parameter] : fit.model.named_parameters())
        std::printf("parameters/%s\t6\t%d\n", name.c_str(),
                    static_cast<int>(parameter.value().size()));
    }
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "event_writer: %s\n", error.what());
    return 1;
  }
}
