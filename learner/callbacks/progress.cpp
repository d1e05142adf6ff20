#include "learner/callbacks/progress.h"

#include <sys/ioctl.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>

#include "engine/error.h"
#include "learner/plot/ticks.h"
#include "learner/terminal.h"

namespace kindling {

namespace {

using plot::with_commas;
using std::chrono::duration;
using std::chrono::milliseconds;
using std::chrono::seconds;

/// Does the terminal's character set have more than ASCII? The usual order of the variables.
bool speaks_unicode() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"})
    if (const char* value = std::getenv(name); value && *value)
      return std::strstr(value, "UTF-8") || std::strstr(value, "utf8") ||
             std::strstr(value, "utf-8");
  return false;
}

int columns_of(std::FILE* out) {
  winsize size{};
  return ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

constexpr auto kBarInterval = milliseconds(60);
constexpr auto kPlotInterval = seconds(5);

}  // namespace

std::string clock_time(double seconds) {
  if (!std::isfinite(seconds) || seconds < 0) return "-:--";
  const long total = std::lround(seconds);
  char text[32];
  if (total >= 3600)
    std::snprintf(text, sizeof text, "%ld:%02ld:%02ld", total / 3600, total / 60 % 60, total % 60);
  else
    std::snprintf(text, sizeof text, "%ld:%02ld", total / 60, total % 60);
  return text;
}

std::string progress_bar(double share, int width, bool unicode) {
  const int full = std::clamp(static_cast<int>(std::floor(share * width)), 0, width);
  std::string bar;
  for (int i = 0; i < width; ++i) {
    if (unicode)
      bar += i < full ? "\u2501" : "\u2500";
    else
      bar += i < full ? '=' : i == full ? '>' : ' ';
  }
  return unicode ? bar : "[" + bar + "]";
}

ProgressCB::ProgressCB(ProgressOptions options)
    : Callback(callback_order::kProgress),
      options_(std::move(options)),
      terminal_(options_.out && has_escapes(options_.out)),
      unicode_(speaks_unicode()) {}

void ProgressCB::before_fit(Learner& learn) {
  for (const Callback* cb : learn.callbacks())
    check<Error>(cb == this || !dynamic_cast<const ProgressCB*>(cb), "progress",
                 "another ProgressCB prints already: one expected");
  if (!learn.rehearses) losses_.clear(), valid_losses_.clear();
  batches_ = before_us_ = 0;
  header_printed_ = false;
  fit_began_ = drawn_ = plotted_ = Clock::now();
  metrics_ = learn.metrics;
  if (metrics_) {
    log_before_ = metrics_->log;
    metrics_->log = [this](const MetricsRow& row) { print_row(row); };
  }
}

void ProgressCB::before_epoch(Learner&) {
  running_.reset();
  images_ = 0;
  pass_began_ = Clock::now();
}

void ProgressCB::after_batch(Learner& learn) {
  const double loss = learn.loss.item();
  if (learn.training && !learn.rehearses) losses_.push_back(loss);
  running_.update(loss, static_cast<double>(learn.batch.size()));
  images_ += learn.batch.size();
  ++batches_;
  if (terminal_ && (Clock::now() - drawn_ >= kBarInterval || !bar_shown_)) draw_bar(learn);
  redraw_plot(learn, kPlotInterval);
}

void ProgressCB::after_epoch(Learner& learn) {
  if (!learn.training && !learn.rehearses)
    valid_losses_.push_back({static_cast<double>(losses_.size()), running_.compute()});
  if (!metrics_)
    print_row({learn.epoch,
               learn.training,
               {{"loss", running_.compute()}},
               duration<double>(Clock::now() - pass_began_).count()});
}

void ProgressCB::cleanup_epoch(Learner&) { clear_bar(); }

void ProgressCB::cleanup_fit(Learner& learn) {
  clear_bar();
  // By our own pointer: the metrics stand before us in the order and have left the learner already.
  if (metrics_) metrics_->log = std::exchange(log_before_, nullptr);
  metrics_ = nullptr;
  redraw_plot(learn, {});
}

void ProgressCB::state(Archive& archive) {
  archive("losses", losses_);
  std::vector<double> at, valid;
  for (const auto& [batch, loss] : valid_losses_) at.push_back(batch), valid.push_back(loss);
  archive("valid_losses", valid);
  archive("valid_losses_at", at);
  archive.expect(at.size() == valid.size(), "valid_losses_at", str(valid.size(), " places"));
  archive.in("running", [&] { running_.state(archive); });
  archive("batches", batches_);
  archive.expect(batches_ >= 0 && batches_ <= Archive::kMaxCount, "batches", "a number of batches");
  if (!archive.loading()) return;
  before_us_ = batches_;
  valid_losses_.clear();
  for (std::size_t i = 0; i < at.size(); ++i) valid_losses_.push_back({at[i], valid[i]});
}

/// Widths are those of the header, so columns stay aligned whatever the metrics are called.
void ProgressCB::print_row(const MetricsRow& row) {
  if (!options_.out) return;
  clear_bar();
  const auto width = [](const std::string& name) {
    return std::max<int>(8, static_cast<int>(name.size()));
  };
  if (!std::exchange(header_printed_, true)) {
    std::fprintf(options_.out, "epoch  split");
    for (const auto& [name, value] : row.values)
      std::fprintf(options_.out, "  %*s", width(name), name.c_str());
    std::fprintf(options_.out, "  seconds\n");
  }
  std::fprintf(options_.out, "%5d  %-5s", row.epoch, row.split());
  for (const auto& [name, value] : row.values)
    std::fprintf(options_.out, std::abs(value) < 1000 ? "  %*.4f" : "  %*.2e", width(name), value);
  std::fprintf(options_.out, "  %7.2f\n", row.seconds);
  std::fflush(options_.out);
}

void ProgressCB::draw_bar(const Learner& learn) {
  drawn_ = Clock::now();
  const double pass = duration<double>(drawn_ - pass_began_).count();
  const double fit = duration<double>(drawn_ - fit_began_).count();
  const Index done = learn.iter + 1, of = learn.dl->size();
  const Index an_epoch =
      (learn.trains ? learn.dls.train.size() : 0) + (learn.validates ? learn.dls.valid.size() : 0);
  const double all = static_cast<double>(learn.n_epochs) * static_cast<double>(an_epoch);
  const double ours = static_cast<double>(batches_ - before_us_);
  const double to_go = fit / ours * (all - static_cast<double>(batches_));
  char front[64], back[160];
  std::snprintf(front, sizeof front, "epoch %d (of %d) %s ", learn.epoch, learn.n_epochs,
                learn.training ? "train" : "valid");
  std::snprintf(back, sizeof back, " %ld/%ld  loss %.4f  %s images/s  eta %s", long{done}, long{of},
                running_.compute(), with_commas(static_cast<double>(images_) / pass).c_str(),
                clock_time(to_go).c_str());
  const int used = static_cast<int>(std::strlen(front) + std::strlen(back)) + (unicode_ ? 0 : 2);
  const int room = std::min(30, columns_of(options_.out) - 1 - used);
  const std::string bar =
      room >= 5 ? progress_bar(static_cast<double>(done) / static_cast<double>(of), room, unicode_)
                : "";
  // A line longer than the terminal would wrap, and then not be overwritten.
  std::string line = front + bar + back;
  if (room < 5) line.resize(std::min<std::size_t>(line.size(), columns_of(options_.out) - 1));
  std::fprintf(options_.out, "\r%s\x1b[K", line.c_str());
  std::fflush(options_.out);
  bar_shown_ = true;
}

void ProgressCB::clear_bar() {
  if (!std::exchange(bar_shown_, false)) return;
  std::fprintf(options_.out, "\r\x1b[K");
  std::fflush(options_.out);
}

void ProgressCB::redraw_plot(const Learner& learn, Clock::duration at_least) {
  if (options_.plot.empty() || losses_.empty() || learn.rehearses) return;
  if (Clock::now() - plotted_ < at_least) return;
  plotted_ = Clock::now();
  plot_losses(options_.plot);
}

void ProgressCB::plot_losses(const std::string& path) const {
  plot::losses(path, losses_, valid_losses_, {.title = "Loss"});
}

}  // namespace kindling
