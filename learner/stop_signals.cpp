#include "learner/stop_signals.h"

#include <signal.h>

#include <csignal>

namespace kindling {

namespace {

volatile std::sig_atomic_t request = 0;

/// Both signals kill from now on: one that is not listened to must not be swallowed.
void note(int signal) {
  request = signal;
  ::signal(SIGINT, SIG_DFL);
  ::signal(SIGTERM, SIG_DFL);
}

/// A process that was started with the signal ignored (nohup, a job in the background) keeps on
/// ignoring it.
void listen(int number) {
  struct sigaction now {};
  if (::sigaction(number, nullptr, &now) == 0 && now.sa_handler == SIG_IGN) return;
  struct sigaction action {};
  action.sa_handler = note;
  action.sa_flags = SA_RESTART;
  ::sigemptyset(&action.sa_mask);
  ::sigaction(number, &action, nullptr);
}

void forget(int number) {
  struct sigaction now {};
  if (::sigaction(number, nullptr, &now) == 0 && now.sa_handler == note) ::signal(number, SIG_DFL);
}

}  // namespace

StopSignals::StopSignals() {
  request = 0;
  listen(SIGINT);
  listen(SIGTERM);
}

StopSignals::~StopSignals() {
  forget(SIGINT);
  forget(SIGTERM);
  request = 0;
}

int StopSignals::received() { return request; }

}  // namespace kindling
