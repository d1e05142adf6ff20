#include "learner/callbacks/report_cb.h"

#include <algorithm>
#include <utility>

#include "engine/error.h"
#include "learner/judged_images.h"
#include "learner/metrics.h"

namespace kindling {

std::string place_of(const Learner& learn) {
  std::string text =
      str("epoch ", std::min(learn.epoch + 1, learn.n_epochs), " of ", learn.n_epochs);
  if (learn.dl && learn.iter < learn.dl->size())
    text += str(", ", learn.training ? "training" : "validation", " batch ", learn.iter + 1, " of ",
                learn.dl->size());
  return text;
}

ReportCB::ReportCB(ReportOptions options)
    : Callback(callback_order::kBehindMetrics), options_(std::move(options)) {}

void ReportCB::before_fit(Learner& learn) {
  if (learn.rehearses) return;
  metrics_ = learn.metrics;
  rows_.clear();
  losses_.clear();
  rates_.clear();
  ends_.clear();
  begun_ = whole_ = false;
  ending_.clear();
}

void ReportCB::before_epoch(Learner& learn) {
  if (!learn.rehearses) begun_ = true;
}

void ReportCB::after_batch(Learner& learn) {
  if (!learn.training || learn.rehearses) return;
  losses_.push_back(learn.loss.item());
  rates_.push_back(learn.opt->lr());
}

/// Whatever rows are new: the MetricsCB has one more for a pass, unless that was cancelled.
void ReportCB::note_passes() {
  if (metrics_) ends_.resize(metrics_->history().size(), std::ssize(losses_));
}

void ReportCB::after_epoch(Learner& learn) {
  if (!learn.rehearses) note_passes();
}

void ReportCB::cleanup_epoch(Learner& learn) {
  if (!learn.rehearses) note_passes();
}

void ReportCB::after_fit(Learner& learn) {
  if (learn.rehearses) return;
  begun_ = whole_ = true;
}

void ReportCB::cleanup_fit(Learner& learn) {
  if (learn.rehearses) return;
  if (metrics_) rows_ = metrics_->history();
  metrics_ = nullptr;
  if (!whole_) ending_ = "ended early, in " + place_of(learn);
  if (begun_ && !options_.path.empty()) write_report(options_.path, report());
}

void ReportCB::state(Archive& archive) {
  archive("losses", losses_);
  archive("rates", rates_);
  archive.expect(rates_.size() == losses_.size(), "rates", str(losses_.size(), " numbers"));
  archive("ends", ends_);
  const auto possible = [&](Index end) { return end >= 0 && end <= std::ssize(losses_); };
  archive.expect(std::all_of(ends_.begin(), ends_.end(), possible), "ends", "numbers of batches");
}

Report ReportCB::report() const {
  Report report = options_.report;
  report.losses = losses_;
  report.rates = rates_;
  report.ending = ending_;
  const std::vector<MetricsRow>& rows = metrics_ ? metrics_->history() : rows_;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    Report::Pass pass{rows[i].epoch, rows[i].train, 0, {}, rows[i].seconds};
    pass.batches = static_cast<double>(i < ends_.size() ? ends_[i] : std::ssize(losses_));
    report.measures.clear();
    for (const auto& [name, value] : rows[i].values) {
      report.measures.push_back(name);
      pass.values.push_back(value);
    }
    report.passes.push_back(std::move(pass));
  }
  if (options_.activations) {
    const ActivationStats& stats = *options_.activations;
    report.max_activation = ActivationStats::kRange;
    for (std::size_t i = 0; i < stats.hooks().size(); ++i) {
      const LayerStats& seen = stats.hooks()[i].state();
      const std::string& name = stats.names()[i].empty() ? "model" : stats.names()[i];
      report.histograms.push_back({name, seen.histograms});
      report.stats.push_back({name, seen.means, seen.stds});
    }
  }
  if (options_.updates) report.updates = options_.updates->series();
  return report;
}

void add_predictions(Report& report, const Predictions& predictions, const ImageDataset& images,
                     Index first, Index shown) {
  metrics::ConfusionMatrix confusion(static_cast<int>(images.classes().size()));
  confusion.update(predictions.scores, predictions.labels);
  const IntArray counts = confusion.counts();
  report.classes = images.classes();
  report.confusion.assign(counts.data(), counts.data() + counts.size());

  const Index judged_rows = predictions.labels.size();
  check(first >= 0 && first + judged_rows <= images.size(), "report", "predictions of ",
        judged_rows, " rows from ", first, " on, of ", images.size(), " images");
  for (Index i = 0; i < judged_rows; ++i)
    check<Error>(predictions.labels[i] == images.labels()[first + i], "report", "prediction ", i,
                 " is not of image ", first + i, ": labels ", predictions.labels[i], " and ",
                 images.labels()[first + i]);

  const std::vector<std::string>& classes = images.classes();
  const auto example = [&](const JudgedRow& judged) {
    return Report::Example{picture_of(images, first + judged.row),
                           classes.at(static_cast<std::size_t>(judged.truth)),
                           classes.at(static_cast<std::size_t>(judged.guess)), judged.confidence};
  };
  const std::vector<JudgedRow> rows = judged_by_loss(predictions);
  const std::ptrdiff_t n = std::min<std::ptrdiff_t>(shown, std::ssize(rows));
  report.worst.clear();
  report.best.clear();
  for (std::ptrdiff_t i = 0; i < n; ++i) {
    report.worst.push_back(example(rows[i]));
    report.best.push_back(example(rows[rows.size() - 1 - i]));
  }
}

void add_summary(Report& report, const std::vector<nn::LayerSummary>& layers) {
  report.layers.clear();
  for (const nn::LayerSummary& layer : layers)
    report.layers.push_back({layer.path, layer.type, str(layer.output),
                             static_cast<double>(layer.parameters), layer.multiply_adds,
                             layer.seconds});
}

}  // namespace kindling
