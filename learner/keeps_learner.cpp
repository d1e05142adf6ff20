#include "learner/keeps_learner.h"

namespace kindling {

KeepsLearner::KeepsLearner(Learner& l)
    : learn_(l), modes_(l.model), opt_(std::move(l.opt)), fit_{l.n_epochs,  l.epoch,    l.trains,
                                                               l.validates, l.training, l.iter,
                                                               l.dl,        l.order,    l.start,
                                                               l.batch,     l.preds,    l.loss} {
  for (const auto& named : {l.model.named_parameters(), l.model.named_buffers()})
    for (const auto& [path, tensor] : named)
      tensors_.push_back({tensor, tensor.value(), tensor.grad()});
}

KeepsLearner::~KeepsLearner() {
  for (auto& [tensor, value, grad] : tensors_) {
    tensor.mutable_value() = value;
    if (tensor.requires_grad()) tensor.set_grad(grad);
  }
  Learner& l = learn_;
  l.n_epochs = fit_.n_epochs, l.epoch = fit_.epoch, l.iter = fit_.iter;
  l.trains = fit_.trains, l.validates = fit_.validates, l.training = fit_.training;
  l.dl = fit_.dl, l.order = fit_.order, l.start = fit_.start;
  l.batch = std::move(fit_.batch);
  l.preds = std::move(fit_.preds), l.loss = std::move(fit_.loss);
  l.opt = std::move(opt_);
}

}  // namespace kindling
