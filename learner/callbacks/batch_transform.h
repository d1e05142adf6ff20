#pragma once

#include <functional>
#include <utility>

#include "engine/error.h"
#include "learner/learner.h"

namespace kindling {

/// Changes every batch before the model sees it: normalisation, augmentation.
class BatchTransformCB : public Callback {
 public:
  /// Gets the batch as the callbacks before left it, and returns the one to go on with.
  using Transform = std::function<Batch(Batch)>;
  /// For the passes that are on. Throws Error when the transform is empty.
  explicit BatchTransformCB(Transform transform, bool on_train = true, bool on_valid = true,
                            int order = callback_order::kUsual)
      : Callback(order),
        transform_(std::move(transform)),
        on_train_(on_train),
        on_valid_(on_valid) {
    check<Error>(transform_ != nullptr, "batch_transform", "the transform is empty");
  }

  void before_batch(Learner& learn) override {
    if (learn.training ? on_train_ : on_valid_) learn.batch = transform_(std::move(learn.batch));
  }

 private:
  Transform transform_;
  bool on_train_, on_valid_;
};

}  // namespace kindling
