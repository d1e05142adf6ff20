#include "learner/predictions.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <variant>

#include "engine/error.h"
#include "engine/ops/layout.h"
#include "engine/ops/loss.h"
#include "engine/ops/reduce.h"
#include "engine/tape.h"
#include "learner/keeps_learner.h"

namespace kindling {

namespace {

/// Behind all others: what the model said.
class CapturePreds : public Callback {
 public:
  std::vector<Tensor> scores;
  std::vector<std::int32_t> labels;

  CapturePreds() : Callback(std::numeric_limits<int>::max()) {}
  void after_batch(Learner& learn) override {
    scores.push_back(Tensor(learn.preds.value()));
    if (const auto* batch = std::get_if<IntArray>(&learn.batch.y); batch && batch->defined())
      labels.insert(labels.end(), batch->data(), batch->data() + batch->size());
  }
};

/// In front of all others, so that they see the view.
class ViewCB : public Callback {
 public:
  explicit ViewCB(const View& view) : Callback(std::numeric_limits<int>::min()), view_(view) {}
  void before_batch(Learner& learn) override {
    if (view_) learn.batch = view_(std::move(learn.batch));
  }

 private:
  const View& view_;
};

/// The logarithm of the mean of what these are logarithms of, number by number. The largest comes
/// out of the sum first: a probability may be too small for a Scalar.
Array log_mean_exp(const std::vector<Array>& logs) {
  Array mean(logs.front().shape());
  Scalar* out = mean.data();
  for (Index k = 0; k < mean.size(); ++k) {
    double largest = double{logs.front()[k]}, sum = 0;
    for (const Array& each : logs) largest = std::max(largest, double{each[k]});
    for (const Array& each : logs) sum += std::exp(double{each[k]} - largest);
    const bool impossible = std::isinf(largest);  // for all of them
    const double log = impossible ? 0 : std::log(sum / static_cast<double>(logs.size()));
    out[k] = static_cast<Scalar>(largest + log);
  }
  return mean;
}

}  // namespace

double Predictions::accuracy() const {
  check<Error>(labels.defined(), "predictions", "no labels to compare with");
  const IntArray best = argmax(Tensor(scores));
  double right = 0;
  for (Index i = 0; i < best.size(); ++i) right += best[i] == labels[i];
  return right / static_cast<double>(best.size());
}

Predictions capture_preds(Learner& learn, const View& view) {
  check<Error>(!learn.dls.valid.shuffles(), "capture_preds",
               "the validation data are shuffled; rows in their order expected");
  ViewCB looks(view);
  CapturePreds capture;
  {
    const KeepsLearner keeps(learn);
    learn.fit(1, {.train = false, .cbs = {&looks, &capture}, .rehearse = true});
  }
  const Index batches = std::ssize(capture.scores), all = learn.dls.valid.size();
  check<Error>(all > 0, "capture_preds", "there is no validation data");
  check<Error>(batches == all, "capture_preds", "a callback cancelled ", all - batches, " of ", all,
               " batches");
  Predictions found{concat(capture.scores, 0).value(), {}};
  if (capture.labels.empty()) return found;
  found.labels = IntArray(Shape{std::ssize(capture.labels)}, capture.labels);
  return found;
}

Predictions tta(Learner& learn, const std::vector<View>& views) {
  const KeepsRandom keeps({&default_random()});
  std::vector<Predictions> all;
  for (const View& view : views) all.push_back(capture_preds(learn, view));
  return average(all);
}

Predictions average(const std::vector<Predictions>& all) {
  check<Error>(!all.empty(), "average", "no predictions to average");
  for (const Predictions& each : all)
    check<Error>(each.labels.defined(), "average", "predictions without labels: classes expected");
  const NoGrad no_grad;
  std::vector<Array> logs;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const IntArray &here = all[i].labels, &there = all.front().labels;
    check<Error>(std::equal(here.data(), here.data() + here.size(), there.data(),
                            there.data() + there.size()),
                 "average", "predictions ", i, " are of other rows than the first");
    check(all[i].scores.shape() == all.front().scores.shape(), "average", "predictions ", i, " ",
          all[i].scores.shape(), ": ", all.front().scores.shape(), " expected, as the first are");
    logs.push_back(log_softmax(Tensor(all[i].scores)).value());
  }
  return {log_mean_exp(logs), all.front().labels};
}

}  // namespace kindling
