#include "learner/callbacks/ema_cb.h"

#include <algorithm>
#include <utility>

#include "engine/error.h"
#include "engine/ops/update.h"

namespace kindling {

EmaCB::EmaCB(double decay) : Callback(callback_order::kAverage), decay_(decay) {
  check<Error>(decay >= 0 && decay < 1, "ema", "decay ", decay, ": in [0, 1) expected");
}

void EmaCB::before_fit(Learner& learn) {
  for (const Callback* cb : learn.callbacks())
    check<Error>(cb == this || !dynamic_cast<const EmaCB*>(cb), "ema",
                 "another callback averages the weights already: one expected");
  if (learn.rehearses) return;
  model_.clear();
  other_.clear();
  for (const auto& tensors : {learn.model.named_parameters(), learn.model.named_buffers()})
    for (const auto& [path, tensor] : tensors) {
      model_.push_back(tensor);
      other_.push_back(tensor.value());
    }
  left_.clear();
  shown_ = false;
  steps_ = 0;
}

void EmaCB::before_epoch(Learner& learn) {
  show(!learn.training && (!learn.rehearses || as_left()));
}

void EmaCB::cleanup_fit(Learner& learn) {
  show(false);
  if (learn.rehearses) return;
  left_.clear();
  for (const Tensor& tensor : model_) left_.push_back(tensor.value());
}

/// Arrays are values, and one that was written to since has another buffer.
bool EmaCB::as_left() const {
  bool same = left_.size() == model_.size();
  for (std::size_t i = 0; same && i < left_.size(); ++i)
    same = model_[i].value().values().data() == left_[i].values().data();
  return same;
}

void EmaCB::after_step(Learner& learn) {
  if (learn.rehearses) return;
  const auto t = static_cast<double>(++steps_);
  const double decay = std::min(decay_, (1 + t) / (10 + t));
  for (std::size_t i = 0; i < model_.size(); ++i) {
    const Array& value = model_[i].value();
    if (value.rank() == 0) {  // a counter
      other_[i] = value;
      continue;
    }
    scale(other_[i], static_cast<Scalar>(decay));
    add_scaled(other_[i], static_cast<Scalar>(1 - decay), value);
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
  archive("steps", steps_);
  archive.expect(steps_ >= 0 && steps_ <= Archive::kMaxCount, "steps", "a number of steps");
  archive("shown", shown_);
  for (std::size_t i = 0; i < other_.size(); ++i) {
    const std::string name = str("weight.", i);
    archive(name, other_[i]);
    archive.expect(other_[i].defined() && other_[i].shape() == model_[i].shape(), name,
                   str("an array ", model_[i].shape()));
  }
}

}  // namespace kindling
