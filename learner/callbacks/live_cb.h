#pragma once

#include <algorithm>
#include <chrono>
#include <functional>
#include <string>
#include <utility>

#include "learner/callbacks/report_cb.h"
#include "learner/report/live.h"

namespace kindling {

/// Shows a fit on a LiveServer while it runs: what a ReportCB of the same fit has gathered, between
/// two batches, as soon as somebody watches. Making the text of a long fit takes a while, and must
/// not hold the training up: it is made every second at most, and so seldom that it takes one
/// part in kShare of the time. Both must outlive it.
class LiveCB : public Callback {
 public:
  /// `afterwards` is what the page says is going on once the fit has ended by itself; nothing: that
  /// the training is over.
  LiveCB(LiveServer& server, const ReportCB& reporter, std::string afterwards = {})
      : Callback(callback_order::kLive),
        server_(server),
        reporter_(reporter),
        afterwards_(std::move(afterwards)) {}

  using Time = std::chrono::steady_clock::time_point;
  std::function<Time()> clock = std::chrono::steady_clock::now;  ///< What time it is.

  void before_fit(Learner& learn) override {
    if (!learn.rehearses) show(place_of(learn));
  }
  void after_batch(Learner& learn) override {
    if (!learn.rehearses && clock() >= next_ && server_.watched()) show(place_of(learn));
  }
  void cleanup_fit(Learner& learn) override {
    if (!learn.rehearses) show(afterwards_);
  }

 private:
  void show(const std::string& running) {
    const Time began = clock();
    Report report = reporter_.report();
    if (report.ending.empty()) report.running = running;
    server_.publish(report_json(report));
    const Time now = clock();
    next_ = std::max<Time>(began + kEvery, now + kShare * (now - began));
  }

  static constexpr std::chrono::seconds kEvery{1};
  static constexpr int kShare = 100;
  LiveServer& server_;
  const ReportCB& reporter_;
  std::string afterwards_;
  Time next_;
};

}  // namespace kindling
