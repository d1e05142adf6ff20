#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "engine/parallel.h"
#include "learner/examples/fashion_mnist/recipes.h"
#include "learner/files/checkpoint.h"

namespace kindling {

/// The command line of fashion_mnist. An option means the same to every command that has it; what
/// is not given is the recipe's.
struct Options {
  void (*command)(const Options&) = nullptr;  ///< One of commands.h.

  std::optional<std::string> recipe;  ///< Or that of the checkpoint, or kDefaultRecipe.
  std::optional<int> epochs;
  std::optional<Index> batch_size;
  std::optional<double> lr;
  std::uint64_t seed = 1;
  int threads = max_threads();
  /// So many training images judge, instead of the test images.
  std::optional<Index> hold_out;
  std::optional<std::filesystem::path> out;  ///< A folder.
  std::filesystem::path data, resume, tensorboard;
  std::optional<Checkpoint> checkpoint;  ///< What `resume` names, or `report --from`.
  Index save_every = 0;
  std::optional<int> live;  ///< The port on which the page is served meanwhile.
  bool no_stats = false, no_progress = false, detect_anomaly = false;

  /// Files with weights; several are judged together.
  std::vector<std::filesystem::path> from{"out/best.safetensors"};
  std::filesystem::path to;
  std::vector<std::filesystem::path> photos;
  bool json = false;  ///< The result as one line of JSON.
};

inline constexpr const char* kDefaultRecipe = "quick";

/// Fills the options (command_line.cpp); returns an exit status when the program should end here.
std::optional<int> parse(int argc, char** argv, Options& options);

/// The recipe of the options.
const NamedRecipe& named_recipe(const Options& options);
/// Model `number` of it, from 1, of so many, with what the command line overrides. Each has a seed
/// of its own, which no other ensemble has.
Recipe make_recipe(const Options& options, int number, int models);

/// What a training must share with the one it goes on from, beside what a checkpoint knows anyway.
/// `model`: which one of an ensemble, from 1; 0 when there is only one.
Settings settings_of(const Options& options, double lr, int model);
/// The one of the ensemble that a checkpoint belongs to, or 0.
int model_of(const Checkpoint& checkpoint);

/// A word as a shell reads it back.
std::string quoted(const std::string& word);

}  // namespace kindling
