#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <iosfwd>
#include <span>
#include <string>

#include "engine/recycle.h"

namespace kindling {

using Index = std::int64_t;        ///< Extents, positions and counts.
using Axes = RecycledVector<int>;  ///< Axis numbers; negative ones count from the end.

/// The extents of an array, outermost first; the last axis is the feature axis and lies contiguous.
/// A scalar has rank 0 and size 1. Kept inline (no allocation): at most kMaxRank axes.
/// Constructors throw ShapeError for a negative extent, too many axes, or a size that overflows.
class Shape {
 public:
  static constexpr int kMaxRank = 8;  ///< The most axes there may be.

  Shape() = default;
  /// The extents, outermost first. `who` names the op in the ShapeError.
  /// @{
  Shape(std::initializer_list<Index> dims) : Shape(std::span(dims.begin(), dims.size())) {}
  explicit Shape(std::span<const Index> dims, const char* who = "shape");
  /// @}

  int rank() const { return rank_; }    ///< How many axes.
  Index size() const { return size_; }  ///< How many elements: the product of the extents.
  /// Extent of an axis; -1 is the last. Throws ShapeError when there is no such axis.
  Index operator[](int axis) const { return dims_[normalize(axis)]; }
  /// The same axis counted from the front, 0 <= axis < rank(). Throws ShapeError.
  int normalize(int axis, const char* who = "shape") const {
    const int from_front = axis < 0 ? axis + rank_ : axis;
    if (from_front < 0 || from_front >= rank_) [[unlikely]]
      no_axis(axis, who);
    return from_front;
  }

  /// The extents, outermost first; valid as long as the shape is.
  /// @{
  std::span<const Index> dims() const { return {dims_.data(), static_cast<std::size_t>(rank_)}; }
  auto begin() const { return dims().begin(); }
  auto end() const { return dims().end(); }
  /// @}

  /// "(8,28,28,1)"; a scalar prints as "()".
  std::string to_string() const;
  /// A copy with one extent replaced.
  Shape with(int axis, Index extent) const;

  /// The same extents on the same axes: (3) is not (1,3).
  friend bool operator==(const Shape& a, const Shape& b) {
    return a.rank_ == b.rank_ && a.dims_ == b.dims_;
  }

 private:
  [[noreturn]] void no_axis(int axis, const char* who) const;

  std::array<Index, kMaxRank> dims_{};
  int rank_ = 0;
  Index size_ = 1;
};

/// Prints what to_string() says.
std::ostream& operator<<(std::ostream& out, const Shape& shape);

// What a result looks like, before anything is computed.

/// Whether broadcast_shapes() has an answer.
bool broadcasts(const Shape& a, const Shape& b);

/// NumPy's rule: aligned at the last axis, extents agree or one of them is 1. `who` names the op in
/// the ShapeError otherwise.
Shape broadcast_shapes(const char* who, const Shape& a, const Shape& b);

/// Whether `from`, repeated along axes of extent 1 and axes that it lacks, becomes `to`.
inline bool broadcasts_to(const Shape& from, const Shape& to) {
  const std::span<const Index> have = from.dims(), want = to.dims();
  if (have.size() > want.size()) return false;
  const std::size_t extra = want.size() - have.size();
  for (std::size_t i = 0; i < have.size(); ++i)
    if (have[i] != want[extra + i] && have[i] != 1) return false;
  return true;
}

/// The chosen axes sorted, without duplicates, counted from the front; none chosen means all.
/// Throws ShapeError for an axis out of range or named twice.
Axes normalize_axes(const char* who, const Shape& shape, const Axes& axes);

/// The shape that is left when `axes` (normalized) are reduced: gone, or 1 with keepdim.
Shape reduced_shape(const Shape& shape, const Axes& axes, bool keepdim);

/// `to` as a shape of from.size() elements, a single -1 in it replaced by what is left for it.
/// Throws ShapeError, which names `who`, where there is no such shape.
Shape resolve_reshape(const char* who, const Shape& from, std::span<const Index> to);

/// Output extent of a window (convolution, pooling) over one axis; with ceil_mode a last window
/// that begins before the padding behind the input counts too (PyTorch's rule).
Index window_extent(Index in, Index kernel, Index stride, Index padding, bool ceil_mode = false);

}  // namespace kindling
