#pragma once

#include <exception>
#include <string>

namespace kindling {

/// Thrown out of a fit that was asked to stop.
class Stopped : public std::exception {
 public:
  /// By which signal, and the checkpoint to go on from.
  Stopped(int signal, std::string saved) : signal(signal), saved(std::move(saved)) {}
  /// The same for every signal.
  const char* what() const noexcept override { return "the fit was asked to stop"; }

  const int signal;         ///< By which signal: a program ends with status 128 + signal.
  const std::string saved;  ///< The checkpoint to go on from; empty if none was written.
};

/// While one lives, the first SIGINT (Ctrl-C) or SIGTERM is a request that received() tells of; a
/// second one ends the process at once, as it would have without. One at a time.
class [[nodiscard]] StopSignals {
 public:
  StopSignals();
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  /// The signal that came, or 0.
  static int received();
};

}  // namespace kindling
