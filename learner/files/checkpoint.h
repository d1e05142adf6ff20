#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "learner/files/safetensors.h"
#include "learner/learner.h"

namespace kindling {

/// What must be the same when a fit goes on: names and values, for people.
using Settings = std::map<std::string, std::string>;

/// A checkpoint is a fit between two of its batches, in one safetensors file:
///
///     model.<path>         parameters and buffers, under PyTorch's names and in its layouts
///     gradient.<i>         of parameter i, where one is left over from one batch to the next
///     optimizer. ...       what its steps have left
///     callbacks. ...       what those remember that have something to
///     metadata: "settings" as JSON; "state", a JSON object of all that is not an array: the
///               position (with the state of the stream that the pass drew the order of its rows
///               from), the streams of random numbers, rates, sums, short histories
///
/// Not in it: which parameters are frozen, modules whose mode was set apart, the loss and callbacks
/// that came along on the way.
///
/// A fit that goes on from it computes the same bits as one that was never interrupted, by the same
/// program on the same kind of processor. The weights in it can be read with read_weights() or, by
/// anybody, with a safetensors library.

/// Writes the fit of `learn`, whose next batch is `next`; to be called between two batches. The
/// file is whole or not there (write_file_atomically). Throws Error when two callbacks have the
/// same state_name(), or a setting is not UTF-8 or fails check_names(); std::runtime_error when the
/// file cannot be written.
void save_checkpoint(const std::filesystem::path& path, Learner& learn, const Position& next,
                     Settings settings = {});

/// Throws Error for a setting that has the name of one that the fit writes itself.
void check_names(const Settings& settings, const Learner& learn);

/// A checkpoint that was read, and can be put into a learner.
class Checkpoint {
 public:
  /// Throws Error, with the path, for whatever is not a whole checkpoint.
  explicit Checkpoint(const std::filesystem::path& path);
  /// Of a file that was read already; the path is for messages.
  Checkpoint(NamedArrays file, const std::filesystem::path& path);

  /// Those that were saved, and what the fit says of itself: "epochs", "passes", "training-rows",
  /// "validation-rows", "batch-size", "batches", "validation-batches" and "precision".
  const Settings& settings() const { return settings_; }
  const std::filesystem::path& path() const { return path_; }  ///< As it was given.
  const NamedArrays& model() const { return model_; }          ///< Its parameters and buffers.

  /// Model, gradients, optimizer, random numbers, and learn.start. To be called in before_fit.
  /// Throws Error before anything has changed when the settings, the data or the model's parameters
  /// are others, naming each difference; and Error when the rest of the file makes no sense, which
  /// leaves a learner that must not be trained.
  void restore(Learner& learn, Settings settings = {}) const;
  /// Only random numbers and what the callbacks remember: again, in the middle of a pass, when the
  /// first before_epoch, in which callbacks make ready for a new one, is over.
  void restore_callbacks(Learner& learn) const;

 private:
  std::filesystem::path path_;
  NamedArrays model_, state_;
  Settings settings_;
};

/// The weights in a checkpoint, and as metadata its settings; or a plain weights file as it is. For
/// load_state_dict(). Throws Error as read_safetensors() and Checkpoint do.
NamedArrays read_weights(const std::filesystem::path& path);

}  // namespace kindling
