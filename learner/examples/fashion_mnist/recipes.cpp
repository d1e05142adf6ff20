// Ways to train Fashion-MNIST, each a short function: first the course's, in its order, each one
// idea more than the one before; then ours. The settings of the course's are its notebooks' (09 to
// 14); README.md in the folder above has what each comes to.

#include "learner/examples/fashion_mnist/recipes.h"

#include "data/augment.h"
#include "engine/error.h"
#include "engine/tape.h"
#include "learner/callbacks/batch_transform.h"
#include "learner/callbacks/gradients.h"
#include "learner/callbacks/sched_cb.h"
#include "learner/examples/fashion_mnist/did_you_mean.h"
#include "nn/loss.h"
#include "nn/lsuv.h"
#include "nn/models.h"
#include "nn/muon.h"

namespace kindling {

namespace {

using nn::Activation;
using nn::Norm;

// --- 10: the experiment ------------------------------------------------------------------------

/// Too fast on purpose, with PyTorch's initialization and pixels between 0 and 1.
Recipe lesson16() { return {.model = nn::conv_net(), .epochs = 1, .lr = 0.6, .normalize = {}}; }

/// The same network and rate, made to train. A good start alone is not enough at this rate, whether
/// LSUV's or Kaiming's: it takes gradients that are kept short besides (the README has the counts).
Recipe lesson16_mended() {
  Recipe r{.model = nn::conv_net(), .epochs = 1, .lr = 0.6};
  r.prepare = [](nn::Module& model, const Tensor& x) { nn::lsuv(model, x, {.head = false}); };
  r.add<GradientClipCB>(1.0);
  return r;
}

// --- 11: initialization --------------------------------------------------------------------------

/// Three epochs of gradient descent whose gradients linger: the course's MomentumLearner.
Recipe lingering(std::unique_ptr<nn::Module> model, double lr = 0.2) {
  return {.model = std::move(model), .epochs = 3, .lr = lr, .kept_gradients = 0.85};
}

Recipe init() {
  Recipe r = lingering(nn::conv_net());
  nn::kaiming_init(*r.model);
  return r;
}

Recipe relu() {
  Recipe r = lingering(nn::conv_net(Activation::general_relu));
  nn::kaiming_init(*r.model, nn::kLeak);
  return r;
}

Recipe lsuv() {
  Recipe r = lingering(nn::conv_net(Activation::general_relu));
  r.prepare = [](nn::Module& model, const Tensor& x) { nn::lsuv(model, x, {.head = false}); };
  return r;
}

Recipe layer_norm() {
  Recipe r = lingering(nn::conv_net(Activation::general_relu, Norm::layer));
  nn::kaiming_init(*r.model, nn::kLeak);
  return r;
}

/// Three epochs, and two more at a quarter of the rate.
Recipe batch_norm() {
  Recipe r = lingering(nn::conv_net(Activation::general_relu, Norm::batch));
  nn::kaiming_init(*r.model, nn::kLeak);
  r.epochs = 5;
  r.batch_size = 256;
  r.schedule = [](double lr) { return compose({{0.6, constant(lr)}, {0.4, constant(lr / 4)}}); };
  return r;
}

// --- 12: optimizers and schedules ----------------------------------------------------------------

/// The network with batch norm, Kaiming initialization, batch 1024.
Recipe optimized(double lr, OptimizerFactory opt_func, int epochs = 3) {
  Recipe r{.model = nn::conv_bn_net(), .epochs = epochs, .lr = lr, .opt_func = std::move(opt_func)};
  nn::kaiming_init(*r.model, nn::kLeak);
  return r;
}

Recipe sgd() { return optimized(0.4, optimizer<nn::SGD>()); }

/// The course averages gradients, (1 - momentum) g, with a rate of 1.5; PyTorch and we add them up.
Recipe momentum() { return optimized(0.15, optimizer<nn::SGD>(nn::SGDOptions{.momentum = 0.9})); }

Recipe rmsprop() {
  return optimized(3e-3, optimizer<nn::RMSprop>(nn::RMSpropOptions{.eps = 1e-5}));
}

Recipe adam() {
  return optimized(6e-3, optimizer<nn::Adam>(nn::AdamOptions{.beta2 = 0.99, .eps = 1e-5}));
}

Recipe cosine_annealing() {
  Recipe r = optimized(2e-2, optimizer<nn::AdamW>());
  r.schedule = [](double lr) { return cosine(lr); };
  return r;
}

/// AdamW whose rate goes up and down, and whose momentum goes down and up.
void in_one_cycle(Recipe& r) {
  r.opt_func = optimizer<nn::AdamW>();
  r.schedule = [](double lr) { return one_cycle({.max = lr}); };
  r.momentum = one_cycle_momentum();
}

Recipe onecycle() {
  Recipe r = optimized(6e-2, optimizer<nn::AdamW>(), 5);
  in_one_cycle(r);
  return r;
}

// --- 13 and 14: residual networks ----------------------------------------------------------------

Recipe residual(std::unique_ptr<nn::Module> model, double lr, int epochs = 5) {
  Recipe r{.model = std::move(model), .epochs = epochs, .lr = lr};
  nn::kaiming_init(*r.model, nn::kLeak);
  in_one_cycle(r);
  return r;
}

Recipe resnet() { return residual(nn::small_resnet(), 2e-2); }

Recipe wide() { return residual(nn::wide_resnet(), 1e-2); }

Recipe pooled() { return residual(nn::pooled_resnet(), 1e-2); }

Recipe dropout() { return residual(nn::pooled_resnet(0.1), 1e-2); }

void augment(Recipe& r, const Augment& by) { r.add<BatchTransformCB>(by, true, false); }

Recipe augmented() {
  Recipe r = residual(nn::pooled_resnet(), 1e-2, 20);
  augment(r, Augment().random_crop(1).horizontal_flip());
  r.flips = true;
  return r;
}

Recipe erase() {
  Recipe r = residual(nn::pooled_resnet(0.1), 2e-2, 50);
  augment(r, Augment().random_crop(1).horizontal_flip().random_erase());
  r.flips = true;
  return r;
}

Recipe copy_ensemble() {
  Recipe r = residual(nn::pooled_resnet(0.1), 1e-2, 25);
  augment(r, Augment().random_crop(1).horizontal_flip().random_copy());
  r.models = 2;
  return r;
}

// --- ours ----------------------------------------------------------------------------------------

/// Muon, at a rate that rises for a tenth of the way and falls to 0 in a straight line. Behind
/// every weight here is a norm, so that only directions matter, and those a high rate turns fast.
Recipe fast(std::unique_ptr<nn::Module> model, int epochs, Index batch_size) {
  Recipe r{.model = std::move(model), .epochs = epochs, .batch_size = batch_size, .lr = 0.4};
  nn::kaiming_init(*r.model, nn::kLeak);
  r.opt_func = optimizer<nn::Muon>(
      nn::MuonOptions{.momentum = 0.8, .weight_decay = 0.01, .vector_lr = 0.025});
  r.schedule = [](double lr) {
    return compose({{0.1, linear(lr / 10, lr)}, {0.9, linear(lr, 0)}});
  };
  return r;
}

Recipe fast90() { return fast(nn::stages({8, 16, 32, 64}, {.kernel = 3}), 2, 384); }

Recipe quick() {
  Recipe r = fast(nn::stages({16, 32, 64, 128}), 8, 512);
  augment(r, Augment().horizontal_flip());
  return r;
}

/// Mirrored images in training, and beside each image when it is judged.
Recipe flipped(std::unique_ptr<nn::Module> model, int epochs) {
  Recipe r = fast(std::move(model), epochs, 512);
  augment(r, Augment().horizontal_flip());
  r.flips = true;
  return r;
}

Recipe fast93() {
  return flipped(nn::stages({16, 32, 64, 128}, {.halving = nn::Halving::max_pool}), 8);
}

/// Three stages of ResBlocks, of which the first sees the image at its full size: what pays most.
std::unique_ptr<nn::Module> deep_net(Index width) {
  return nn::residual_stages({width, 2 * width, 4 * width}, {1, 2, 2});
}

Recipe fast94() { return flipped(deep_net(16), 4); }

Recipe best5() { return flipped(deep_net(24), 5); }

/// For many epochs: crops and erasing besides, so that no image is seen twice as it is.
Recipe for_long(std::unique_ptr<nn::Module> model, int epochs) {
  Recipe r = fast(std::move(model), epochs, 512);
  const auto [mean, std] = r.normalize;
  const Scalar black = (0 - mean) / std;
  augment(r, Augment().random_crop(1, black).horizontal_flip().random_erase(0.2, 2));
  r.flips = true;
  return r;
}

Recipe best() { return for_long(deep_net(24), 20); }

Recipe best50() { return for_long(deep_net(24), 30); }

}  // namespace

std::unique_ptr<Learner> make_learner(Recipe& r, const DataLoaders& dls) {
  const nn::CrossEntropyLoss loss;
  LearnerOptions options{.lr = r.lr, .opt_func = r.opt_func};
  if (r.schedule) r.add<BatchSchedCB>(r.schedule(r.lr), r.momentum);
  for (const auto& cb : r.cbs) options.cbs.push_back(cb.get());
  if (r.kept_gradients > 0)
    return std::make_unique<MomentumLearner>(*r.model, dls, loss, options, r.kept_gradients);
  return std::make_unique<TrainLearner>(*r.model, dls, loss, options);
}

void prepare_model(const Recipe& recipe, Learner& learn) {
  if (!recipe.prepare) return;
  check<Error>(learn.dls.train.size() > 0, "recipe", "no training batch to begin with");
  const NoGrad no_grad;
  recipe.prepare(learn.model, learn.dls.train.begin()->xs.at(0));
}

const std::vector<NamedRecipe>& recipes() {
  static const std::vector<NamedRecipe> all{
      {"quick", "the default: as good as it gets in about 20 seconds on two cores", quick},
      {"lesson16", "lr 0.6: too fast, to see what happens", lesson16},
      {"lesson16-mended", "the same rate: normalised pixels, LSUV, clipped gradients",
       lesson16_mended},
      {"init", "Kaiming initialization, gradients that linger", init},
      {"relu", "GeneralRelu: leaky, and 0.4 less", relu},
      {"lsuv", "layer-sequential unit variance instead of Kaiming", lsuv},
      {"layernorm", "normalised by image", layer_norm},
      {"batchnorm", "normalised by batch, 3 + 2 epochs of batches of 256", batch_norm},
      {"sgd", "batch norm, plain SGD", sgd},
      {"momentum", "SGD with momentum", momentum},
      {"rmsprop", "RMSprop", rmsprop},
      {"adam", "Adam", adam},
      {"cosine", "AdamW, its rate along a cosine", cosine_annealing},
      {"onecycle", "AdamW, one cycle, 5 epochs", onecycle},
      {"resnet", "a ResNet of 1.2 M parameters, 5 epochs", resnet},
      {"wide", "twice as wide, 5 epochs", wide},
      {"pooled", "the mean over all pixels before the head, 1.2 M parameters", pooled},
      {"dropout", "the same with dropout", dropout},
      {"augment", "the same with crops and flips, 20 epochs", augmented},
      {"erase", "and random erasing, 50 epochs", erase},
      {"copy-ensemble", "random copies; two models together, 25 epochs each", copy_ensemble},
      {"fast90", "the least time to 0.90", fast90},
      {"fast93", "the least time to 0.93, with mirrored images", fast93},
      {"fast94", "the least time to 0.94, with mirrored images", fast94},
      {"best5", "the best of 5 epochs: the network of fast94, wider, 0.48 M parameters", best5},
      {"best", "the same for 20 epochs, with crops and erasing", best},
      {"best50", "the same for 30 epochs", best50},
  };
  return all;
}

const NamedRecipe& find_recipe(const std::string& name) {
  std::string list;
  std::vector<std::string> names;
  for (const NamedRecipe& recipe : recipes()) {
    if (recipe.name == name) return recipe;
    list += (names.empty() ? "" : ", ") + recipe.name;
    names.push_back(recipe.name);
  }
  throw Error(str("no recipe ", name, "; there are ", list, did_you_mean(name, names)));
}

}  // namespace kindling
