#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "learner/files/event_file.h"
#include "learner/learner.h"
#include "learner/plot/canvas.h"

namespace kindling {

/// Writes down a fit for TensorBoard, in a new file of the folder for every fit:
///
///     loss/batch, lr                 of every training batch
///     loss/train, loss/valid, ...    of every pass: the loss, and the metrics of a MetricsCB
///     parameters/0.0.weight, ...     histograms, behind the training pass of every epoch
///     the pictures                   behind every epoch, unless it was cancelled
///
/// A step is a number of training batches that are done. The next fit of the same callback counts
/// on; one that goes on from a checkpoint counts on from there, and what an earlier file of the
/// folder has of later batches is void.
class TensorBoardCB : public Callback {
 public:
  /// The folder is made with the first pass of a fit, where it is missing. `histograms`: whether
  /// those of the parameters are written.
  explicit TensorBoardCB(std::string folder, bool histograms = true)
      : Callback(callback_order::kBehindMetrics),
        folder_(std::move(folder)),
        histograms_(histograms) {}

  /// Called after the last pass of every epoch. Throws Error for a name that is taken or empty, or
  /// an empty function.
  void add_picture(const std::string& name, std::function<plot::Canvas()> draw);

  /// Training batches done before the current fit, or else the next: a fit that is over adds its
  /// own.
  Index batches_before = 0;

  /// These throw Error when the file cannot be written.
  void before_epoch(Learner& learn) override;
  void after_batch(Learner& learn) override;
  void after_epoch(Learner& learn) override;
  void cleanup_epoch(Learner& learn) override;
  void cleanup_fit(Learner& learn) override;

 private:
  void open(const Learner& learn);

  std::string folder_;
  bool histograms_;
  std::vector<std::pair<std::string, std::function<plot::Canvas()>>> pictures_;
  std::optional<EventFile> file_;  ///< Of the current fit, once it has begun.
  Index step_ = 0;
};

}  // namespace kindling
