#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "learner/learner.h"
#include "nn/modes.h"

namespace kindling {

/// Puts a learner back, on destruction, to what it was on construction: parameters, buffers,
/// gradients, modes, optimizer, and what it says of its latest fit. For fits that only rehearse
/// (see FitOptions). Arrays are values, so that keeping them costs nothing until a fit changes
/// them. Random numbers are the business of KeepsRandom.
class KeepsLearner {
 public:
  /// Keeps a reference to the learner, which must outlive this.
  explicit KeepsLearner(Learner& learn);
  ~KeepsLearner();
  KeepsLearner(const KeepsLearner&) = delete;
  KeepsLearner& operator=(const KeepsLearner&) = delete;

 private:
  struct Saved {
    Tensor tensor;
    Array value, grad;
  };
  /// Learner's members of these names.
  struct Fit {
    int n_epochs, epoch;
    bool trains, validates, training;
    Index iter;
    const DataLoader* dl;
    std::optional<Random::State> order;
    std::optional<Position> start;
    Batch batch;
    Tensor preds, loss;
  };

  Learner& learn_;
  nn::Modes modes_;
  std::unique_ptr<nn::Optimizer> opt_;
  Fit fit_;
  std::vector<Saved> tensors_;
};

/// Gives streams of random numbers, on destruction, the states that they had on construction.
class KeepsRandom {
 public:
  /// Those that are null are passed over.
  explicit KeepsRandom(const std::vector<Random*>& streams) {
    for (Random* random : streams)
      if (random) states_.emplace_back(random, random->state());
  }
  ~KeepsRandom() {
    for (auto& [random, state] : states_) random->set_state(state);
  }
  KeepsRandom(const KeepsRandom&) = delete;
  KeepsRandom& operator=(const KeepsRandom&) = delete;

 private:
  std::vector<std::pair<Random*, Random::State>> states_;
};

}  // namespace kindling
