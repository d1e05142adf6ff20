#include "learner/examples/fashion_mnist/pictures.h"

#include <algorithm>
#include <cstdio>
#include <vector>

#include "engine/error.h"
#include "engine/ops/reduce.h"
#include "learner/judged_images.h"
#include "learner/metrics.h"
#include "learner/plot/charts.h"

namespace kindling {

namespace {

/// Throws unless there is a score for each of the classes, and a class for each of the labels.
void check_classes(const Judged& judged) {
  const auto classes = std::ssize(judged.images.classes());
  const Shape shape = judged.predictions.scores.shape();
  const IntArray& labels = judged.predictions.labels;
  check(shape.rank() == 2 && shape[1] == classes && labels.shape() == Shape{shape[0]}, "pictures",
        "scores ", shape, " and ", labels.size(), " labels: (N,", classes,
        ") and N expected, a score for each class");
  for (const std::int32_t label : labels.values())
    check<Error>(label >= 0 && label < classes, "pictures", "label ", label, " of ", classes,
                 " classes");
}

}  // namespace

std::string percent(double share) {
  char text[16];
  std::snprintf(text, sizeof text, "%.0f %%", 100 * share);
  return text;
}

void draw_predictions(const std::string& path, const Judged& judged) {
  check_classes(judged);
  const auto& [images, first, predictions] = judged;
  const IntArray guesses = argmax(Tensor(predictions.scores));
  std::vector<plot::Image> pictures;
  std::vector<plot::Caption> captions;
  Index right = 0;
  for (Index i = 0; i < std::min(kShown, guesses.size()); ++i) {
    pictures.push_back(picture_of(images, first + i));
    const std::string &truth = images.classes()[predictions.labels[i]],
                      &guess = images.classes()[guesses[i]];
    const bool correct = truth == guess;
    right += correct;
    captions.push_back({truth + "\n" + guess, correct ? plot::kRight : plot::kWrong});
  }
  plot::image_grid(path, pictures, captions,
                   {.title = str("Images to judge by, true class over predicted class: ", right,
                                 " of ", pictures.size(), " right")});
}

void draw_top_losses(const std::string& path, const Judged& judged) {
  check_classes(judged);
  const std::vector<std::string>& classes = judged.images.classes();
  std::vector<JudgedRow> rows = judged_by_loss(judged.predictions);
  rows.resize(std::min(static_cast<std::size_t>(kShown), rows.size()));
  std::vector<plot::Image> pictures;
  std::vector<plot::Caption> captions;
  for (const JudgedRow& row : rows) {
    pictures.push_back(picture_of(judged.images, judged.first + row.row));
    captions.push_back(
        {str(classes[static_cast<std::size_t>(row.truth)], "\n",
             classes[static_cast<std::size_t>(row.guess)], "\n", percent(row.confidence)),
         row.truth == row.guess ? plot::kRight : plot::kWrong});
  }
  plot::image_grid(path, pictures, captions,
                   {.title = "The largest losses: true class, predicted class and how sure of it"});
}

void draw_confusion(const std::string& path, const Judged& judged) {
  const auto& [images, first, predictions] = judged;
  const int classes = static_cast<int>(images.classes().size());
  metrics::ConfusionMatrix confusion(classes);
  confusion.update(predictions.scores, predictions.labels);
  const IntArray counts = confusion.counts();
  plot::confusion_matrix(path, images.classes(), {counts.data(), counts.data() + counts.size()});
}

void draw_judged(const std::filesystem::path& folder, const Judged& judged) {
  draw_predictions((folder / "predictions.png").string(), judged);
  draw_top_losses((folder / "top_losses.png").string(), judged);
  draw_confusion((folder / "confusion.png").string(), judged);
}

void draw_photos(const std::string& path, const ImageDataset& photos,
                 const std::vector<std::string>& captions) {
  std::vector<plot::Image> pictures;
  std::vector<plot::Caption> below;
  for (Index i = 0; i < std::min(kShown, photos.size()); ++i) {
    pictures.push_back(picture_of(photos, i));
    below.push_back({captions[static_cast<std::size_t>(i)]});
  }
  plot::image_grid(path, pictures, below, {.title = "What the model sees, and what it says"});
}

void draw_batch(const std::string& path, const Batch& batch, const ImageDataset& classes) {
  const Array& xs = batch.xs.at(0).value();
  const Index size = xs.size() / std::max<Index>(xs.dim(0), 1);
  std::vector<plot::Image> pictures;
  std::vector<plot::Caption> captions;
  for (Index i = 0; i < std::min(kShown, xs.dim(0)); ++i) {
    const Scalar* pixels = xs.data() + i * size;
    pictures.push_back(
        plot::image_from_floats(static_cast<int>(xs.dim(1)), static_cast<int>(xs.dim(2)),
                                static_cast<int>(xs.dim(3)), {pixels, pixels + size}));
    captions.push_back({classes.classes()[batch.labels()[i]]});
  }
  plot::image_grid(path, pictures, captions, {.title = "A training batch, as the model sees it"});
}

}  // namespace kindling
