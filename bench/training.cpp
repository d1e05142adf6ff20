// Training steps of the course's models: what bench_step.cpp times and bench_peak.cpp weighs.

#include <cmath>

#include "bench/workloads.h"
#include "engine/error.h"
#include "engine/ops/loss.h"
#include "engine/ops/update.h"
#include "engine/random.h"
#include "learner/callbacks/activation_stats.h"
#include "nn/hooks.h"
#include "nn/models.h"
#include "nn/optim.h"

namespace kindling::bench {

namespace {

/// A model with its optimizer, and hooks on its convolutions if they are wanted.
class Trainer {
 public:
  explicit Trainer(const Step& step) : step_(step), model_(make_model(step.model)), x_(step.x) {
    std::vector<Tensor> parameters = model_->parameters();
    for (std::size_t i = 0; i < parameters.size(); ++i) parameters[i].set_value(step.weights[i]);
    opt_ = make_optimizer(step, parameters);
    std::vector<nn::Module*> convs;
    for (const auto& [path, module] : model_->named_modules())
      if (step.stats && only<nn::Conv2d>(*module)) convs.push_back(module);
    hooks_ = nn::Hooks<LayerStats>(convs, [](LayerStats& s, nn::Module&, const Tensor&,
                                             const Tensor& y) { append_stats(s, y); });
  }

  Tensor loss() { return cross_entropy((*model_)(x_), step_.labels); }
  double step() {
    const Tensor l = loss();
    l.backward();
    opt_->step();
    opt_->zero_grad();
    return l.item();
  }
  std::vector<Tensor> parameters() const { return model_->parameters(); }

 private:
  static std::unique_ptr<nn::Optimizer> make_optimizer(const Step& step,
                                                       std::vector<Tensor> parameters) {
    if (step.model == "conv10") return std::make_unique<nn::SGD>(std::move(parameters), step.lr());
    return std::make_unique<nn::AdamW>(std::move(parameters), step.lr());
  }

  Step step_;
  std::unique_ptr<nn::Module> model_;
  Tensor x_;
  std::unique_ptr<nn::Optimizer> opt_;
  nn::Hooks<LayerStats> hooks_;
};

}  // namespace

std::unique_ptr<nn::Module> make_model(const std::string& name) {
  if (name == "conv10") return nn::conv_net();
  if (name == "convbn12") return nn::conv_bn_net();
  if (name == "resnet13") return nn::small_resnet();
  if (name == "pooled14") return nn::pooled_resnet();
  check<Error>(name == "wide14", "bench", "no model is called ", name);
  return nn::wide_resnet();
}

Step make_step(const std::string& model, Index batch, bool stats) {
  set_seed(1);
  Step step{model, batch, stats, noise({batch, 28, 28, 1}, 5), IntArray(Shape{batch}), {}};
  for (Index i = 0; i < batch; ++i) step.labels.data()[i] = static_cast<std::int32_t>(i % 10);
  for (const Tensor& p : make_model(model)->parameters()) step.weights.push_back(p.value());
  return step;
}

Contender our_step(const Step& step) {
  const auto trainer = std::make_shared<Trainer>(step);
  return {kOurs, [trainer] { trainer->step(); },
          [trainer] {
            const auto first = static_cast<Scalar>(trainer->step());
            return Array({2}, {first, static_cast<Scalar>(trainer->step())});
          }};
}

void check_gradient(const Step& step) {
  Trainer trainer(step);
  trainer.loss().backward();
  double square = 0;
  std::vector<Tensor> parameters = trainer.parameters();
  for (const Tensor& p : parameters)
    for (const Scalar g : p.grad().values()) square += double{g} * double{g};
  const double h = 0.0005 / square;  // the loss changes by a thousandth in all
  const auto loss_at = [&](double t) {
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      Array moved = step.weights[i];
      add_scaled(moved, static_cast<Scalar>(t), parameters[i].grad());
      parameters[i].set_value(moved);
    }
    return double{trainer.loss().item()};
  };
  const double slope = (loss_at(h) - loss_at(-h)) / (2 * h);
  check<Error>(std::abs(slope / square - 1) < 0.05, "bench", step.model, ": the loss rises by ",
               slope, " along its gradient, ", square, " expected");
}

}  // namespace kindling::bench
