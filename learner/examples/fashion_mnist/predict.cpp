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
#include "learner/examples/fashion_mnist/print_error.h"
#include "learner/examples/fashion_mnist/print_json.h"
#include "learner/examples/fashion_mnist/saved.h"
#include "learner/predictions.h"
#include "learner/terminal.h"

namespace kindling {

namespace {

constexpr std::size_t kBest = 3;
constexpr Index kAtOnce = 256;  // photos that a model sees together

struct Guess {
  std::string name;
  double probability;
};

/// What could be read of the photos, as the models see them, and under which of the paths.
struct Photos {
  ImageDataset images;
  std::vector<std::size_t> read;
};

/// Says on stderr what cannot be read, and goes on; unless there is nothing else.
Photos read_photos(const std::vector<std::filesystem::path>& paths, Normalize normalize) {
  std::vector<ByteArray> photos;
  std::vector<std::size_t> read;
  for (std::size_t i = 0; i < paths.size(); ++i) {
    try {
      photos.push_back(read_photo(paths[i]));
      read.push_back(i);
    } catch (const Error& error) {
      if (paths.size() == 1) throw;
      print_error(error.what());
    }
  }
  ByteArray images(Shape{std::ssize(photos), 28, 28});
  for (std::size_t i = 0; i < photos.size(); ++i)
    std::copy_n(photos[i].data(), photos[i].size(),
                images.data() + static_cast<Index>(i) * photos[i].size());
  const std::vector<std::string> classes(FashionMnist::kClasses.begin(),
                                         FashionMnist::kClasses.end());
  IntArray unknown(Shape{images.dim(0)}, 0);
  return {{std::move(images), std::move(unknown), classes, normalize}, std::move(read)};
}

/// What the models say together: (photos, classes), logarithms of probabilities.
Array scores_of(std::vector<SavedModel>& models, const Batch& batch) {
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
std::vector<Guess> best_of(const Array& scores, Index photo,
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

/// Of every photo.
std::vector<std::vector<Guess>> guesses_of(std::vector<SavedModel>& models,
                                           const ImageDataset& photos) {
  std::vector<std::vector<Guess>> guesses;
  for (Index first = 0; first < photos.size(); first += kAtOnce) {
    std::vector<Index> rows(static_cast<std::size_t>(std::min(kAtOnce, photos.size() - first)));
    std::iota(rows.begin(), rows.end(), first);
    const Array scores = scores_of(models, photos.batch(rows));
    for (Index i = 0; i < std::ssize(rows); ++i)
      guesses.push_back(best_of(scores, i, photos.classes()));
  }
  return guesses;
}

void print_bars(const std::string& photo, const std::vector<Guess>& guesses) {
  const bool color = use_color(stdout);
  std::printf("%s\n", one_line(photo).c_str());
  for (const Guess& guess : guesses) {
    const std::string bar(static_cast<std::size_t>(std::lround(40 * guess.probability)), '#');
    const bool top = color && &guess == &guesses.front();
    std::printf("  %s%5.1f %%  %-12s%s%s%s\n", top ? "\x1b[1;32m" : "", 100 * guess.probability,
                guess.name.c_str(), bar.empty() ? "" : " ", bar.c_str(), top ? "\x1b[0m" : "");
  }
}

nlohmann::ordered_json json_of(const std::string& photo, const std::vector<Guess>& guesses) {
  nlohmann::ordered_json best = nlohmann::ordered_json::array();
  for (const Guess& guess : guesses)
    best.push_back({{"class", guess.name}, {"probability", guess.probability}});
  return {{"photo", photo}, {"best", best}};
}

/// Below the photo: its file, and the guesses.
std::string caption_of(const std::filesystem::path& photo, const std::vector<Guess>& guesses) {
  std::string caption = one_line(photo.filename().string());
  for (const Guess& guess : guesses)
    caption += str("\n", guess.name, " ", percent(guess.probability));
  return caption;
}

}  // namespace

void predict(const Options& options) {
  std::vector<SavedModel> models = load_models(options);
  const auto [photos, read] = read_photos(options.photos, models.front().made.normalize);
  const auto out = options.out.value_or("out");
  prepare_folder(out);
  const std::vector<std::vector<Guess>> guesses = guesses_of(models, photos);
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  std::vector<std::string> captions;
  for (std::size_t i = 0; i < guesses.size(); ++i) {
    const std::filesystem::path& path = options.photos[read[i]];
    captions.push_back(caption_of(path, guesses[i]));
    if (options.json)
      list.push_back(json_of(path.string(), guesses[i]));
    else
      print_bars(path.string(), guesses[i]);
  }
  if (options.json) print_json(list);
  if (!read.empty()) {
    const std::string picture = (out / "photos.png").string();
    draw_photos(picture, photos, captions);
    const std::string some =
        photos.size() > kShown ? str("the first ", kShown, " of ", photos.size()) : "the";
    std::fprintf(stderr, "%s photos as the model sees them: %s\n", some.c_str(), picture.c_str());
  }
  check<Error>(read.size() == options.photos.size(), "predict", options.photos.size() - read.size(),
               " of ", options.photos.size(), " photos cannot be read");
}

}  // namespace kindling
