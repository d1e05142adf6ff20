#include "learner/predictions.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <utility>
#include <variant>

#include "engine/error.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/layout.h"
#include "engine/ops/loss.h"
#include "engine/ops/reduce.h"
#include "engine/tape.h"
#include "nn/modes.h"

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

/// Puts the optimizer back, which a fit replaces.
class KeepsOptimizer {
 public:
  explicit KeepsOptimizer(Learner& learn) : learn_(learn), opt_(std::move(learn.opt)) {}
  ~KeepsOptimizer() { learn_.opt = std::move(opt_); }
  KeepsOptimizer(const KeepsOptimizer&) = delete;
  KeepsOptimizer& operator=(const KeepsOptimizer&) = delete;

 private:
  Learner& learn_;
  std::unique_ptr<nn::Optimizer> opt_;
};

Array probabilities(const Array& scores) { return exp(log_softmax(Tensor(scores))).value(); }

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
    const nn::Modes modes(learn.model);
    const KeepsOptimizer keeps(learn);
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
  std::vector<Predictions> all;
  for (const View& view : views) all.push_back(capture_preds(learn, view));
  return average(all);
}

Predictions average(const std::vector<Predictions>& all) {
  check<Error>(!all.empty(), "average", "no predictions to average");
  for (const Predictions& each : all)
    check<Error>(each.labels.defined(), "average", "predictions without labels: classes expected");
  const NoGrad no_grad;
  Tensor total(probabilities(all.front().scores));
  for (std::size_t i = 1; i < all.size(); ++i) {
    const IntArray &here = all[i].labels, &there = all.front().labels;
    check<Error>(std::equal(here.data(), here.data() + here.size(), there.data(),
                            there.data() + there.size()),
                 "average", "predictions ", i, " are of other rows than the first");
    check(all[i].scores.shape() == all.front().scores.shape(), "average", "predictions ", i, " ",
          all[i].scores.shape(), ": ", all.front().scores.shape(), " expected, as the first are");
    total = total + Tensor(probabilities(all[i].scores));
  }
  return {log(total / static_cast<Scalar>(all.size())).value(), all.front().labels};
}

}  // namespace kindling
