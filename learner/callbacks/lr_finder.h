#pragma once

#include <optional>
#include <string>
#include <vector>

#include "learner/learner.h"

namespace kindling {

/// How a learning rate is searched for.
struct LRFindOptions {
  double start_lr = 1e-5;   ///< Of the first batch.
  double gamma = 1.3;       ///< The rate is multiplied by this after every batch.
  double max_multiple = 3;  ///< Stops when the loss is this many times its minimum.
  int max_epochs = 10;      ///< Ends the search where the loss does not.
};

/// Raises the learning rate batch by batch until the loss is no longer a number or far above its
/// minimum, and remembers both.
class LRFinderCB : public Callback {
 public:
  /// Comes before the callbacks that stop at a NaN: here one is what the search ends with. Throws
  /// Error unless start_lr > 0, gamma > 1 and max_multiple > 1.
  explicit LRFinderCB(LRFindOptions options = {});

  void before_fit(Learner& learn) override;
  void before_epoch(Learner& learn) override;
  void after_loss(Learner& learn) override;
  void after_batch(Learner& learn) override;

  /// One a batch of the latest search: the rate, and the loss before the step that it is for. The
  /// loss that ended the search is among them.
  /// @{
  const std::vector<double>& lrs() const { return lrs_; }
  const std::vector<double>& losses() const { return losses_; }
  /// @}

 private:
  LRFindOptions options_;
  std::vector<double> lrs_, losses_;
  double lowest_ = 0;
};

/// What lr_find() found.
struct LRFindResult {
  std::vector<double> lrs;     ///< One a batch, as LRFinderCB has them.
  std::vector<double> losses;  ///< Likewise.
  /// Where the smoothed loss falls fastest per decade; none when it never falls, or of fewer than
  /// three batches.
  std::optional<double> suggestion;

  /// Loss against rate on a log axis, and pale the loss of each batch. Throws std::runtime_error
  /// when the file cannot be written.
  void plot(const std::string& path) const;
};

/// Finds a learning rate by a mock training run. Gives back weights, buffers, gradients, optimizer,
/// modes and the random numbers of default_random() and the loaders as they were, also when it
/// throws. The learner's callbacks run as in any rehearsal (callback.h).
LRFindResult lr_find(Learner& learn, LRFindOptions options = {});

/// The rate at which the smoothed loss falls fastest over log(lr), before its minimum. Throws Error
/// when there are not as many losses as rates.
std::optional<double> suggest_lr(const std::vector<double>& lrs, const std::vector<double>& losses);

}  // namespace kindling
