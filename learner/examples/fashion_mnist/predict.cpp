// Says what is on photos.

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <numeric>

#include "data/fashion_mnist.h"
#include "engine/error.h"
#include "engine/ops/loss.h"
#include "engine/tape.h"
#include "learner/examples/fashion_mnist/commands.h"
#include "learner/examples/fashion_mnist/out_folder.h"
#include "learner/examples/fashion_mnist/photo.h"
#include "learner/examples/fashion_mnist/pictures.h"
#include "learner/examples/fashion_mnist/print_json.h"
#include "learner/examples/fashion_mnist/saved.h"
#include "learner/predictions.h"

namespace kindling {

namespace {

constexpr std::size_t kBest = 3;

struct Guess {
  std::string name;
  double probability;
};

ImageDataset read_photos(const std::vector<std::filesystem::path>& paths, Normalize normalize) {
  ByteArray images(Shape{static_cast<Index>(paths.size()), 28, 28});
  for (std::size_t i = 0; i < paths.size(); ++i) {
    const ByteArray photo = read_photo(paths[i]);
    std::copy_n(photo.data(), photo.size(), images.data() + static_cast<Index>(i) * photo.size());
  }
  const std::vector<std::string> classes(FashionMnist::kClasses.begin(),
                                         FashionMnist::kClasses.end());
  IntArray unknown(Shape{images.dim(0)}, 0);
  return {std::move(images), std::move(unknown), classes, normalize};
}

/// What the models say together: (photos, classes), logarithms of probabilities.
Array scores_of(std::vector<SavedModel>& models, const ImageDataset& photos) {
  std::vector<Index> rows(static_cast<std::size_t>(photos.size()));
  std::iota(rows.begin(), rows.end(), Index{0});
  const Batch batch = photos.batch(rows);
  const NoGrad no_grad;
  std::vector<Predictions> all;
  for (SavedModel& model : models) {
    model.made.model->eval();
    all.push_back({(*model.made.model)(batch.xs[0]).value(), batch.labels()});
  }
  const Array scores = average(all).scores;
  for (const Scalar score : scores.values())
    check<Error>(!std::isnan(score), "predict",
                 "the weights say NaN; they are of a training that diverged");
  return scores;
}

/// The most likely classes of a photo, the likeliest first.
std::vector<Guess> guesses_of(const Array& scores, Index photo,
                              const std::vector<std::string>& classes) {
  std::vector<Guess> guesses;
  for (std::size_t c = 0; c < classes.size(); ++c)
    guesses.push_back(
        {classes[c], std::exp(scores.data()[photo * scores.dim(1) + static_cast<Index>(c)])});
  std::stable_sort(guesses.begin(), guesses.end(),
                   [](const Guess& a, const Guess& b) { return a.probability > b.probability; });
  guesses.resize(std::min(kBest, guesses.size()));
  return guesses;
}

void print_bars(const std::string& photo, const std::vector<Guess>& guesses) {
  std::printf("%s\n", photo.c_str());
  for (const Guess& guess : guesses) {
    const std::string bar(static_cast<std::size_t>(std::lround(40 * guess.probability)), '#');
    std::printf("  %5.1f %%  %-12s%s%s\n", 100 * guess.probability, guess.name.c_str(),
                bar.empty() ? "" : " ", bar.c_str());
  }
}

}  // namespace

void predict(const Options& options) {
  std::vector<SavedModel> models = load_models(options);
  const ImageDataset photos = read_photos(options.photos, models.front().made.normalize);
  const auto out = options.out.value_or("out");
  prepare_folder(out);
  const Array scores = scores_of(models, photos);
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  std::vector<std::string> captions;
  for (Index i = 0; i < photos.size(); ++i) {
    const std::string name = options.photos[static_cast<std::size_t>(i)].string();
    const std::vector<Guess> guesses = guesses_of(scores, i, photos.classes());
    std::string caption;
    for (const Guess& guess : guesses)
      caption += str(caption.empty() ? "" : "\n", guess.name, " ", percent(guess.probability));
    captions.push_back(caption);
    if (!options.json) {
      print_bars(name, guesses);
      continue;
    }
    nlohmann::ordered_json best = nlohmann::ordered_json::array();
    for (const Guess& guess : guesses)
      best.push_back({{"class", guess.name}, {"probability", guess.probability}});
    list.push_back({{"photo", name}, {"best", best}});
  }
  if (options.json) print_json(list);
  const std::string picture = (out / "photos.png").string();
  draw_photos(picture, photos, captions);
  std::fprintf(stderr, "the photos as the model sees them: %s\n", picture.c_str());
}

}  // namespace kindling
