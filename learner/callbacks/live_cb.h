#pragma once

#include <algorithm>
#include <chrono>

#include "learner/callbacks/report_cb.h"
#include "learner/report/live.h"

namespace kindling {

/// Shows a fit on a LiveServer while it runs: what a ReportCB of the same fit has gathered, between
/// two batches, as soon as somebody watches. Making the text of a long fit takes a while, and must
/// not hold the training up: it is made every second at most, and so seldom that it takes one
/// part in kShare of the time. Both must outlive it.
class LiveCB : public Callback {
 public:
  LiveCB(LiveServer& server, const ReportCB& reporter)
      : Callback(kBehindReport), server_(server), reporter_(reporter) {}

  void before_fit(Learner& learn) override {
    if (!learn.rehearses) show(learn, true);
  }
  void after_batch(Learner& learn) override {
    if (!learn.rehearses && Clock::now() >= next_ && server_.watched()) show(learn, true);
  }
  void cleanup_fit(Learner& learn) override {
    if (!learn.rehearses) show(learn, false);
  }

 private:
  using Clock = std::chrono::steady_clock;

  void show(const Learner& learn, bool running) {
    const auto began = Clock::now();
    Report report = reporter_.report();
    if (running) report.running = place_of(learn);
    server_.publish(report_json(report));
    const auto now = Clock::now();
    next_ = std::max(began + Clock::duration(kEvery), now + kShare * (now - began));
  }

  static constexpr int kBehindReport = 6;
  static constexpr std::chrono::seconds kEvery{1};
  static constexpr int kShare = 100;
  LiveServer& server_;
  const ReportCB& reporter_;
  Clock::time_point next_;
};

}  // namespace kindling
