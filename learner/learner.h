#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "data/data_loader.h"
#include "learner/callback.h"
#include "learner/loss_function.h"
#include "nn/module.h"
#include "nn/optim.h"

namespace kindling {

class MetricsCB;

/// Makes the optimizer of a fit from the model's parameters and a learning rate.
using OptimizerFactory =
    std::function<std::unique_ptr<nn::Optimizer>(nn::Parameters parameters, double lr)>;
/// Which parameters of a model are trained, and in which groups.
using ParameterChoice = std::function<nn::Parameters(const nn::Module& model)>;

/// An OptimizerFactory of a given kind: optimizer<nn::SGD>(nn::SGDOptions{.momentum = 0.9}).
template <class Opt, class... Settings>
OptimizerFactory optimizer(Settings... settings) {
  return [=](nn::Parameters parameters, double lr) {
    return std::make_unique<Opt>(std::move(parameters), lr, settings...);
  };
}

/// What a Learner can be given beyond model, data and loss.
struct LearnerOptions {
  double lr = 0.1;                  ///< Of fits that are not given another; of any optimizer.
  std::vector<Callback*> cbs = {};  ///< Those of every fit.
  /// Called at the beginning of every fit.
  /// @{
  OptimizerFactory opt_func = optimizer<nn::SGD>();
  ParameterChoice param_groups = [](const nn::Module& model) { return model.parameters(); };
  /// @}
};

/// Which passes a fit makes, and what holds for this fit alone. One that only validates is a fit
/// like any other: histories and files begin anew (averages do not: see EmaCB). With `rehearse`
/// they stay as they are.
struct FitOptions {
  bool train = true;                ///< Every epoch has a pass over dls.train.
  bool valid = true;                ///< Every epoch ends with one over dls.valid.
  std::optional<double> lr = {};    ///< Instead of the Learner's own.
  std::vector<Callback*> cbs = {};  ///< In addition, and removed again afterwards.
  bool rehearse = false;            ///< Of this fit callbacks keep nothing; the model does learn.
};

/// A place in a fit: which batch is next.
struct Position {
  int epoch = 0;         ///< From 0.
  bool training = true;  ///< In which pass of the epoch.
  Index batch = 0;       ///< All of them may be done already.
  /// What the pass has shuffled its rows by; none at its beginning, or when they are in order.
  std::optional<Random::State> order = {};
};

inline namespace KINDLING_PRECISION {

/// Trains a model: the loop of callback.h, with everything else left to callbacks. The five steps
/// of a batch are virtual; here they only ask the callbacks, so add a TrainCB, or take a
/// TrainLearner.
///
/// Refers to model, data and callbacks, which must outlive it. The state is public and its names
/// are the course's: callbacks read it, and change it where they mean to.
class Learner {
 public:
  /// Throws Error for a callback that is null or there twice.
  Learner(nn::Module& model, DataLoaders dls, LossFunction loss_func, LearnerOptions options = {});
  virtual ~Learner() = default;
  Learner(const Learner&) = delete;
  Learner& operator=(const Learner&) = delete;

  /// Trains for n_epochs, with a new optimizer and no gradients. When it throws, every cleanup has
  /// run and the learner can fit again. The model stays in the mode of the last pass. Throws Error
  /// for a negative number of epochs, for training data that make no batch, for a callback that is
  /// null or there twice, for an opt_func or param_groups that is empty, when no callback makes the
  /// predictions or the loss, and within another fit of the same learner (which capture_preds and
  /// lr_find are, too); ShapeError for a loss that is not a single number.
  void fit(int n_epochs = 1, FitOptions options = {});

  /// Refers to the callback from now on; sorted by order, stably. Throws Error when it is there
  /// already.
  void add(Callback& callback);
  /// Does nothing when it is not there. In a fit the callback hears of no further event, so that
  /// what its cleanups would undo stays; and one that is added in a fit has missed its before_fit.
  void remove(const Callback& callback);
  /// In the order in which they are called; in a fit, with those of that fit alone.
  const std::vector<Callback*>& callbacks() const { return cbs_; }

  /// As given to the constructor. A fit reads lr when it begins; within one the rate is opt's,
  /// which opt->set_lr() and schedules move.
  /// @{
  nn::Module& model;
  DataLoaders dls;
  LossFunction loss_func;
  OptimizerFactory opt_func;
  ParameterChoice param_groups;
  double lr;
  /// @}

  std::unique_ptr<nn::Optimizer> opt;  ///< Of the current or latest fit.
  int n_epochs = 0;                    ///< What fit() was asked for.
  bool trains = true;                  ///< Whether this fit has training passes.
  bool validates = true;               ///< Whether it has passes that validate.
  bool rehearses = false;              ///< Callbacks keep nothing of this fit: callback.h.
  int epoch = 0;                       ///< From 0.
  Index iter = 0;                      ///< Batch of the epoch, from 0.
  bool training = true;                ///< This pass trains, as against validates.
  const DataLoader* dl = nullptr;      ///< What this pass reads.
  std::optional<Random::State> order;  ///< What this pass has shuffled its rows by.
  /// Where this fit begins, if not at the beginning: a callback may set it in before_fit.
  std::optional<Position> start;
  /// Once the batch at hand is done: where to go on.
  Position next() const { return {epoch, training, iter + 1, order}; }
  Batch batch;   ///< The one at hand, as callbacks have left it.
  Tensor preds;  ///< Of this batch; undefined until predict() has set them.
  Tensor loss;   ///< Of this batch; undefined until get_loss() has set it.
  /// Set by the MetricsCB, if there is one, for as long as a fit lasts; null otherwise.
  MetricsCB* metrics = nullptr;

  /// One of the five steps. A plain Learner asks its callbacks, and throws Error when that leaves
  /// preds or loss undefined. A loss of more than one number is a ShapeError, whoever computed it.
  /// @{
  virtual void predict();
  virtual void get_loss();
  virtual void backward();
  virtual void step();
  virtual void zero_grad();
  /// @}

 private:
  /// before, body, after; CancelThis skips to cleanup; cleanup always runs.
  template <class CancelThis, class Body>
  void scope(Event before, Event after, Event cleanup, const Body& body);
  void callback(Event event);
  bool has(const Callback* callback) const;
  void clean_up(Event event);

  void one_epoch(bool train, const Position& at);
  void one_batch();

  std::vector<Callback*> cbs_;
  bool fits_ = false;
};

/// A Learner that takes the five steps itself.
class TrainLearner : public Learner {
 public:
  /// Throws Error for a callback that is null or there twice.
  using Learner::Learner;
  void predict() override;
  void get_loss() override;
  void backward() override;
  void step() override;
  void zero_grad() override;
};

/// Momentum without an optimizer that knows of it: instead of being cleared the gradients are
/// multiplied by `momentum`, so that what is left of them adds to the next.
class MomentumLearner : public TrainLearner {
 public:
  /// Throws Error for a callback that is null or there twice, or a momentum outside [0, 1).
  MomentumLearner(nn::Module& model, DataLoaders dls, LossFunction loss_func,
                  LearnerOptions options = {}, double momentum = 0.85);
  void zero_grad() override;

 private:
  double momentum_;
};

}  // namespace KINDLING_PRECISION
}  // namespace kindling
