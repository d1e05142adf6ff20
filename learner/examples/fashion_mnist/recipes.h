#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "data/fashion_mnist.h"
#include "learner/learner.h"
#include "learner/schedules.h"
#include "nn/optim.h"

namespace kindling {

/// A model and how to train it on Fashion-MNIST. What the command line may override is a plain
/// number; a schedule is made for whatever rate that leaves.
struct Recipe {
  std::unique_ptr<nn::Module> model;
  int epochs = 3;
  Index batch_size = 1024;
  double lr = 0.1;

  OptimizerFactory opt_func = optimizer<nn::SGD>();
  std::function<Schedule(double lr)> schedule = {};  ///< Batch by batch; none: a constant rate,
  Schedule momentum = {};                            ///< and the momentum beside it.
  double kept_gradients = 0;  ///< The share that is left for the next batch: MomentumLearner.

  Normalize normalize = FashionMnist::kNormalize;
  /// Sees one batch of training images before the first step.
  std::function<void(nn::Module& model, const Tensor& x)> prepare = {};
  std::vector<std::unique_ptr<Callback>> cbs = {};

  bool flips = false;  ///< Judged by the mirrored images too (test-time augmentation).
  int models = 1;      ///< So many are trained, one after the other, and judged together.

  template <class C, class... Args>
  C& add(Args&&... args) {
    auto cb = std::make_unique<C>(std::forward<Args>(args)...);
    C& reference = *cb;
    cbs.push_back(std::move(cb));
    return reference;
  }
};

/// A Learner for the recipe's model, with its callbacks and schedule. To be made once: it refers to
/// the recipe, which from now on owns the schedule's callback too.
std::unique_ptr<Learner> make_learner(Recipe& recipe, const DataLoaders& dls);

/// Does to the model of a learner that is new what the recipe does before the first step.
void prepare_model(const Recipe& recipe, Learner& learn);

/// A recipe by name. `make` draws the weights of the model.
struct NamedRecipe {
  std::string name, description;
  Recipe (*make)();
};

/// All of them, in the order of the course.
const std::vector<NamedRecipe>& recipes();
/// Throws Error that lists them when there is none of that name.
const NamedRecipe& find_recipe(const std::string& name);

}  // namespace kindling
