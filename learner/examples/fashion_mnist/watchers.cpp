#include "learner/examples/fashion_mnist/watchers.h"

#include <cstdio>

#include "learner/metrics.h"
#include "nn/layers.h"

namespace kindling {

void ShowBatchCB::before_batch(Learner& learn) {
  if (done_ || !learn.training || learn.rehearses) return;
  done_ = true;
  if (learn.start && std::filesystem::exists(path_)) return;
  draw_batch(path_, learn.batch, images_);
}

Watchers::Watchers(const Options& options, const Settings& settings, std::filesystem::path folder,
                   const ImageDataset& images, Report beginning, int number, LiveServer* live,
                   bool more)
    : folder_(std::move(folder)),
      no_stats_(options.no_stats),
      progress_({.out = options.no_progress ? nullptr : stderr, .plot = file("losses.png")}),
      logger_(file("history.csv")),
      lines_(file("history.jsonl")),
      show_batch_(file("batch.png"), images),
      stats_(only<nn::Conv2d>),
      checkpoint_({.last = file("last.safetensors"),
                   .every = options.save_every,
                   .best = file("best.safetensors"),
                   .metric = "accuracy",
                   .larger_is_better = true,
                   .settings = settings}),
      reporter_({.path = file("report.html"),
                 .activations = &stats_,
                 .updates = &updates_,
                 .report = std::move(beginning)}),
      server_(live),
      more_(more) {
  metrics_.add<metrics::Accuracy>("accuracy");
  metrics_.log = nullptr;
  if (live) live_.emplace(*live, reporter_, "the trained model is judged");
  if (options.tensorboard.empty()) return;
  // Of an ensemble every model has a folder of its own, here too.
  board_.emplace(number > 0 ? options.tensorboard / std::to_string(number) : options.tensorboard);
  if (!no_stats_) board_->add_picture("color_dim", [this] { return stats_.color_dim(); });
}

void Watchers::join(Learner& learn, const std::optional<Checkpoint>& resume, bool logs) {
  if (resume) checkpoint_.resume(*resume);
  for (Callback* cb : std::initializer_list<Callback*>{&metrics_, &progress_, &nan_guard_,
                                                       &show_batch_, &reporter_, &checkpoint_})
    learn.add(*cb);
  if (logs) {
    learn.add(logger_);
    learn.add(lines_);
  }
  if (live_) learn.add(*live_);
  if (board_) learn.add(*board_);
  if (no_stats_) return;
  learn.add(stats_);
  learn.add(updates_);
}

void Watchers::draw(const Judged& judged) const {
  draw_judged(folder_, judged);
  Report report = reporter_.report();
  add_predictions(report, judged.predictions, judged.images, judged.first);
  write_report(page(), report);
  if (more_) report.running = "the next model follows";
  if (server_) server_->publish(report_json(report));
  std::fprintf(stderr, "all there is to see: %s\n", page().c_str());
  if (no_stats_) return;
  stats_.color_dim(file("color_dim.png"));
  stats_.dead_chart(file("dead_chart.png"));
  stats_.plot_stats(file("stats.png"));
  updates_.plot(file("updates.png"));
}

}  // namespace kindling
