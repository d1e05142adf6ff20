#pragma once

#include <concepts>
#include <memory>
#include <utility>

#include "engine/array.h"

namespace kindling {

/// An Array that has not been computed yet, and what it will be computed from. Ops derive theirs.
class Pending {
 public:
  /// `shape` is that of the value.
  explicit Pending(const Shape& shape) : shape_(shape) {}
  Pending(const Pending&) = delete;
  Pending& operator=(const Pending&) = delete;
  virtual ~Pending() = default;

  const Shape& shape() const { return shape_; }       ///< Of the value, computed or not.
  bool computed() const { return value_.defined(); }  ///< The value is there.
  /// Computed when first asked for.
  const Array& value() {
    if (!computed()) value_ = compute();
    return value_;
  }
  /// Somebody computed it on the way to something else.
  void settle(Array value) { value_ = std::move(value); }

 protected:
  /// Called once at most: may use up what it holds.
  virtual Array compute() = 0;

 private:
  Shape shape_;
  Array value_;
};

/// An Array that is computed when somebody looks at it, and kept. Whoever can work with what it
/// would be computed from asks for pending() instead and need not look: so that what only passes
/// from one op to the next is never written to memory. Copies share the work.
///
/// It turns into an Array wherever one is expected. Looking is not synchronised between threads.
class Lazy {
 public:
  Lazy() = default;
  /// Nothing is left to compute.
  Lazy(Array array) : array_(std::move(array)) {}  // NOLINT
  /// `pending` is not null.
  template <std::derived_from<Pending> P>
  Lazy(std::shared_ptr<P> pending)  // NOLINT
      : shape_(pending->shape()), pending_(std::move(pending)) {}

  /// There is an array, or there will be one.
  bool defined() const { return pending_ || array_.defined(); }
  /// Stays where it is when somebody looks.
  const Shape& shape() const { return pending_ ? shape_ : array_.shape(); }

  /// Looks: computes the array if nobody has. It stays in this Lazy unless it is moved out.
  /// @{
  const Array& get() const {
    look();
    return array_;
  }
  Array& get() {
    look();
    return array_;
  }
  operator const Array&() const& { return get(); }    // NOLINT: implicit on purpose
  operator Array&&() && { return std::move(get()); }  // NOLINT
  /// @}

  /// What it will be computed from, if that is a P and nobody has looked yet; otherwise null.
  template <class P>
  P* pending() const {
    return pending_ && !pending_->computed() ? dynamic_cast<P*>(pending_.get()) : nullptr;
  }

 private:
  void look() const {
    if (!pending_) return;
    array_ = pending_->value();
    pending_ = nullptr;
  }
  Shape shape_;  // while pending
  mutable Array array_;
  mutable std::shared_ptr<Pending> pending_;
};

}  // namespace kindling
