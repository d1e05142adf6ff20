#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "engine/parallel.h"
#include "learner/files/checkpoint.h"

namespace kindling {

/// The command line of fashion_mnist. What is not given is the recipe's.
struct Options {
  std::string recipe = "quick";
  std::optional<int> epochs;
  std::optional<Index> batch_size;
  std::optional<double> lr;
  std::uint64_t seed = 1;
  int threads = max_threads();
  Index hold_out = 0;  ///< So many training images judge, instead of the test images.
  std::filesystem::path data, out = "out", resume, tensorboard;
  std::optional<Checkpoint> checkpoint;  ///< What `resume` names.
  Index save_every = 0;
  bool no_stats = false, no_progress = false, detect_anomaly = false;
};

/// Fills the options; returns an exit status when the program should end here.
std::optional<int> parse(int argc, char** argv, Options& options);

/// What a training must share with the one it goes on from, beside what a checkpoint knows anyway.
/// `model`: which one of an ensemble, from 1; 0 when there is only one.
Settings settings_of(const Options& options, double lr, int model);
/// The one of the ensemble that a checkpoint belongs to, or 0.
int model_of(const Checkpoint& checkpoint);

/// A word as a shell reads it back.
std::string quoted(const std::string& word);

}  // namespace kindling
