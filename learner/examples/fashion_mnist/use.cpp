// What can be done with weights: judge them, hand them on.

#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "data/augment.h"
#include "engine/error.h"
#include "engine/ops/loss.h"
#include "engine/tape.h"
#include "learner/examples/fashion_mnist/commands.h"
#include "learner/examples/fashion_mnist/out_folder.h"
#include "learner/examples/fashion_mnist/pictures.h"
#include "learner/examples/fashion_mnist/print_json.h"
#include "learner/examples/fashion_mnist/saved.h"
#include "learner/examples/fashion_mnist/split.h"
#include "learner/files/npz.h"
#include "learner/files/state_dict.h"
#include "learner/metrics.h"
#include "learner/predictions.h"

namespace kindling {

namespace {

using nlohmann::ordered_json;

constexpr Index kJudgedAtOnce = 1000;

/// How well one class is told from the others. NaN where nothing can be said.
struct ClassScore {
  std::string name;
  Index images;
  double precision, recall, f1;
};

std::vector<ClassScore> class_scores(const Predictions& predictions,
                                     const std::vector<std::string>& classes) {
  const int n = static_cast<int>(classes.size());
  metrics::ConfusionMatrix confusion(n);
  confusion.update(predictions.scores, predictions.labels);
  const IntArray counts = confusion.counts();
  std::vector<ClassScore> scores;
  for (int c = 0; c < n; ++c) {
    double is = 0, said = 0;
    for (int other = 0; other < n; ++other)
      is += counts.data()[c * n + other], said += counts.data()[other * n + c];
    const double right = counts.data()[c * n + c];
    scores.push_back({classes[static_cast<std::size_t>(c)], static_cast<Index>(is), right / said,
                      right / is, 2 * right / (is + said)});
  }
  return scores;
}

double loss_of(const Predictions& predictions) {
  const NoGrad no_grad;
  return cross_entropy(Tensor(predictions.scores), predictions.labels).item();
}

/// A share with four digits, or "-" where nothing can be said.
std::string share(double value) {
  char text[16] = "-";
  if (std::isfinite(value)) std::snprintf(text, sizeof text, "%.4f", value);
  return text;
}

void print_table(const std::vector<ClassScore>& scores) {
  std::printf("%-12s %7s %10s %7s %7s\n", "class", "images", "precision", "recall", "F1");
  for (const ClassScore& c : scores)
    std::printf("%-12s %7lld %10s %7s %7s\n", c.name.c_str(), static_cast<long long>(c.images),
                share(c.precision).c_str(), share(c.recall).c_str(), share(c.f1).c_str());
}

void print_scores(const Predictions& plain, const Predictions& mirrored, const Predictions& both,
                  const std::vector<ClassScore>& scores) {
  ordered_json classes = ordered_json::array();
  for (const ClassScore& c : scores)
    classes.push_back({{"class", c.name},
                       {"images", c.images},
                       {"precision", c.precision},  // NaN is written as null
                       {"recall", c.recall},
                       {"f1", c.f1}});
  print_json({{"images", plain.labels.size()},
              {"accuracy", plain.accuracy()},
              {"loss", loss_of(plain)},
              {"accuracy_mirrored_only", mirrored.accuracy()},
              {"accuracy_with_mirrored", both.accuracy()},
              {"classes", classes}});
}

}  // namespace

void evaluate(const Options& options) {
  std::vector<SavedModel> models = load_models(options);
  const FashionSplit split(options.data, models.front().made.normalize,
                           options.hold_out.value_or(models.front().hold_out));
  if (options.out) prepare_folder(*options.out);
  std::vector<Predictions> plain, mirrored;
  for (SavedModel& model : models) {
    const auto learn =
        make_learner(model.made, make_data_loaders(split.train, split.valid, kJudgedAtOnce));
    plain.push_back(capture_preds(*learn));
    mirrored.push_back(capture_preds(*learn, Augment().horizontal_flip(1)));
  }
  const auto together = [](const std::vector<Predictions>& all) {
    return all.size() == 1 ? all.front() : average(all);
  };
  const Predictions judged = together(plain), flipped = together(mirrored);
  const Predictions both = average({judged, flipped});
  const auto scores = class_scores(judged, split.judging_images().classes());
  if (options.json) {
    print_scores(judged, flipped, both, scores);
  } else {
    print_table(scores);
    std::printf("accuracy %.4f\naccuracy with mirrored images %.4f\n", judged.accuracy(),
                both.accuracy());
  }
  if (options.out) draw_judged(*options.out, {split.judging_images(), split.first(), judged});
}

void export_weights(const Options& options) {
  const std::vector<SavedModel> models = load_models(options);
  NamedArrays weights = state_dict(*models.front().made.model);
  if (options.to.string().ends_with(".npz")) {
    write_npz(options.to, {{weights.arrays.begin(), weights.arrays.end()}});
  } else {
    weights.metadata["recipe"] = models.front().recipe;
    write_safetensors(options.to, weights);
  }
  Index numbers = 0;
  for (const auto& [name, array] : weights.arrays) numbers += array.size();
  if (options.json)
    print_json({{"file", options.to.string()},
                {"recipe", models.front().recipe},
                {"arrays", weights.arrays.size()},
                {"numbers", numbers}});
  else
    std::printf("%zu arrays, %lld numbers, of recipe %s: %s\n", weights.arrays.size(),
                static_cast<long long>(numbers), models.front().recipe.c_str(),
                options.to.string().c_str());
}

}  // namespace kindling
