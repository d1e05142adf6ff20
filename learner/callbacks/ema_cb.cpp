#include "learner/callbacks/ema_cb.h"

#include <algorithm>
#include <utility>

#include "engine/error.h"
#include "engine/ops/update.h"

namespace kindling {

namespace {

/// The parameters of a model, and behind them its buffers.
std::vector<Tensor> tensors_of(const nn::Module& model) {
  std::vector<Tensor> all = model.parameters();
  for (const auto& [path, tensor] : model.named_buffers()) all.push_back(tensor);
  return all;
}

}  // namespace

EmaCB::EmaCB(double decay) : Callback(callback_order::kAverage), decay_(decay) {
  check<Error>(decay >= 0 && static_cast<Scalar>(decay) < 1, "ema", "decay ", decay,
               ": in [0, 1) expected");
}

void EmaCB::before_fit(Learner& learn) {
  for (const Callback* cb : learn.callbacks())
    check<Error>(cb == this || !dynamic_cast<const EmaCB*>(cb), "ema",
                 "another callback averages the weights already: one expected");
  if (learn.rehearses) return;
  fits_ = true;
  const bool trains = learn.trains && learn.n_epochs > 0;
  if (!trains && as_left(learn)) return;
  model_ = tensors_of(learn.model);
  parameters_ = learn.model.parameters().size();
  other_.clear();
  for (const Tensor& tensor : model_) other_.push_back(tensor.value());
  left_.clear();
  shown_ = false;
  steps_ = 0;
}

void EmaCB::before_epoch(Learner& learn) {
  show(!learn.training && (!learn.rehearses || as_left(learn)));
}

void EmaCB::cleanup_fit(Learner&) {
  show(false);
  if (!std::exchange(fits_, false)) return;
  left_.clear();
  for (const Tensor& tensor : model_) left_.push_back(tensor.value());
}

/// Arrays are values, and one that was written to since has another buffer.
bool EmaCB::as_left(const Learner& learn) const {
  const std::vector<Tensor> now = tensors_of(learn.model);
  bool same = left_.size() == now.size();
  for (std::size_t i = 0; same && i < left_.size(); ++i)
    same = now[i].value().values().data() == left_[i].values().data();
  return same;
}

void EmaCB::after_step(Learner& learn) {
  if (learn.rehearses) return;
  const auto t = static_cast<double>(++steps_);
  const auto decay = static_cast<Scalar>(std::min(decay_, (1 + t) / (10 + t)));
  for (std::size_t i = 0; i < model_.size(); ++i) {
    const Array& value = model_[i].value();
    if (i >= parameters_ && value.rank() == 0) {  // a counter
      other_[i] = value;
      continue;
    }
    scale(other_[i], decay);
    add_scaled(other_[i], 1 - decay, value);  // of the rounded decay: they add up to 1
  }
}

void EmaCB::show(bool average) {
  if (std::exchange(shown_, average) == average) return;
  for (std::size_t i = 0; i < model_.size(); ++i) std::swap(model_[i].mutable_value(), other_[i]);
}

void EmaCB::keep() {
  for (std::size_t i = 0; i < model_.size(); ++i) model_[i].mutable_value() = other_[i];
}

void EmaCB::state(Archive& archive) {
  archive.same("decay", decay_);
  Index steps = steps_;
  archive("steps", steps);
  archive.expect(steps >= 0 && steps <= Archive::kMaxCount, "steps", "a number of steps");
  bool shown = shown_;
  archive("shown", shown);
  std::vector<Array> other = other_;
  for (std::size_t i = 0; i < other.size(); ++i) {
    const std::string name = str("weight.", i);
    archive(name, other[i]);
    archive.expect(other[i].defined() && other[i].shape() == model_[i].shape(), name,
                   str("an array ", model_[i].shape()));
  }
  // Only what is whole: the cleanups of a fit that cannot begin exchange these with the model's.
  steps_ = steps;
  other_ = std::move(other);
  shown_ = shown;
}

}  // namespace kindling
