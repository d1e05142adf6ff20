#pragma once

#include <string>
#include <vector>

#include "data/dataset.h"
#include "learner/callbacks/activation_stats.h"
#include "learner/callbacks/metrics_cb.h"
#include "learner/callbacks/update_stats.h"
#include "learner/predictions.h"
#include "learner/report/report.h"
#include "nn/summary.h"

namespace kindling {

/// Where a ReportCB writes, and what it shows beside what it sees itself.
struct ReportOptions {
  std::string path = "";  ///< Where the page goes when a fit is over; empty: nowhere.
  /// Callbacks of the same fit, if there are, which must outlive the ReportCB.
  /// @{
  const ActivationStats* activations = nullptr;
  const UpdateStats* updates = nullptr;
  /// @}
  Report report = {};  ///< What is known before the fit: title, settings, layers.
};

/// Writes down loss and learning rate of every training batch, and puts together a page of all that
/// was seen of a fit: the rows of its MetricsCB, if it has one, and what the callbacks named in the
/// options have gathered. The page is written when the fit is over, however it ended, once a batch
/// was in sight; whole or not at all.
///
///     ReportCB reporter({.path = "report.html", .activations = &stats});
///     learn.fit(3, {.cbs = {&metrics, &stats, &reporter}});
///     Report report = reporter.report();  // and what the model has learnt:
///     add_predictions(report, capture_preds(learn), images);
///     write_report("report.html", report);
class ReportCB : public Callback {
 public:
  /// What report() says begins with options.report.
  explicit ReportCB(ReportOptions options = {});

  /// Of the current or latest fit, so far.
  Report report() const;

  void before_fit(Learner& learn) override;
  void before_epoch(Learner& learn) override;
  void after_batch(Learner& learn) override;
  void after_epoch(Learner& learn) override;
  void cleanup_epoch(Learner& learn) override;
  void after_fit(Learner& learn) override;
  /// Throws as write_report does.
  void cleanup_fit(Learner& learn) override;
  std::string state_name() const override { return "report"; }
  void state(Archive& archive) override;

 private:
  void note_passes();

  ReportOptions options_;
  const MetricsCB* metrics_ = nullptr;  ///< Of the current fit.
  std::vector<MetricsRow> rows_;        ///< Of the latest.
  std::vector<double> losses_, rates_;
  std::vector<Index> ends_;  ///< For each of the rows, how many training batches were done.
  bool begun_ = false;       ///< There is something to show.
  bool whole_ = false;       ///< The fit came to its end.
  std::string ending_;       ///< How it ended, if not so.
};

/// Where a fit stands, for people: "epoch 2 of 8, training batch 5 of 59".
std::string place_of(const Learner& learn);

/// How often each class was taken for each, and the images that the model is most wrong about and
/// surest of, at most `shown` of each. The predictions are of rows first, first + 1, ... of images.
/// Throws what metrics::ConfusionMatrix does for scores that are not one a class, ShapeError for
/// rows that the images do not have, and Error where the labels are others: the rows of a random
/// split, say, are not those of the images.
void add_predictions(Report& report, const Predictions& predictions, const ImageDataset& images,
                     Index first = 0, Index shown = 24);

/// What nn::summarize says of the model.
void add_summary(Report& report, const std::vector<nn::LayerSummary>& layers);

}  // namespace kindling
