#pragma once

#include "nn/module.h"
#include "nn/optim.h"

/// Ways to put the parameters of a model into groups for an optimizer: `param_groups` of a Learner.
namespace kindling::nn {

/// Weights in one group; biases and the scales of norms, all that has one axis, in another without
/// weight decay: a small bias is no simpler a model than a large one.
Parameters no_decay_on_vectors(const Module& model);

/// Every child of the model is a group. The rate of the last one is the optimizer's, and that of
/// each before it `factor` times the rate of the one behind: layers near the input, which are the
/// same in every task, are changed more carefully (Howard and Ruder, 2018). Throws Error for a
/// factor that is negative or not a number, and for a model that has parameters beside its
/// children. Without `decay_on_vectors` every child has two groups of its rate, sorted as by
/// no_decay_on_vectors().
Parameters discriminative(const Module& model, double factor, bool decay_on_vectors = true);

/// Parameters of the model that no longer want a gradient, and so are not trained; or want one
/// again. As in PyTorch that is no mode: a frozen batch norm goes on using and gathering the
/// statistics of its batches wherever it is in training mode. eval() of the frozen part, each time
/// after the whole model was put into training, keeps them.
void freeze(Module& model, bool frozen = true);

}  // namespace kindling::nn
