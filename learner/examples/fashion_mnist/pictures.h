#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "learner/predictions.h"

namespace kindling {

inline constexpr Index kShown = 40;  ///< Images on a picture, at most.

/// Images that a model was judged by, and what it said of them: rows first, first + 1, ... of
/// `images`, in the order of the predictions. All throw std::runtime_error when the file cannot be
/// written, and those that name classes ShapeError unless there is a score for each.
struct Judged {
  const ImageDataset& images;
  Index first;
  const Predictions& predictions;
};

/// The first of them, each with its true class and, below that, the predicted one.
void draw_predictions(const std::string& path, const Judged& judged);
/// Those that the model is most wrong about: the losses are the largest.
void draw_top_losses(const std::string& path, const Judged& judged);
/// How often each class was taken for each.
void draw_confusion(const std::string& path, const Judged& judged);
/// All three, as predictions.png, top_losses.png and confusion.png.
void draw_judged(const std::filesystem::path& folder, const Judged& judged);
/// The first photos as the model sees them, and a caption for each of all photos.
void draw_photos(const std::string& path, const ImageDataset& photos,
                 const std::vector<std::string>& captions);
/// "93 %".
std::string percent(double share);
/// The first images of a batch, as the model sees them.
void draw_batch(const std::string& path, const Batch& batch, const ImageDataset& classes);

}  // namespace kindling
