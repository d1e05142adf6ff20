#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "engine/scalar.h"
#include "engine/shape.h"
#include "engine/storage.h"

namespace kindling {

/// Plain data: a shape and a contiguous, row-major, 64-byte aligned buffer of T.
///
/// Arrays are values. Copies, reshapes and leading-axis slices share the buffer until one of them
/// is written through data(): the writer then gets a buffer of its own (copy on write). So nobody
/// ever changes an array behind another holder's back, and an array that is held once is changed
/// in place. Not synchronised: call data() before the threads start, not inside them.
template <class T>
class ArrayOf {
 public:
  /// No array at all; defined() is false. So is an array that was moved from.
  ArrayOf() = default;
  /// Shares or hands over the buffer; no element is copied.
  /// @{
  ArrayOf(const ArrayOf&) = default;
  ArrayOf& operator=(const ArrayOf&) = default;
  ArrayOf(ArrayOf&& other) noexcept
      : shape_(std::exchange(other.shape_, {})),
        storage_(std::move(other.storage_)),
        offset_(std::exchange(other.offset_, 0)) {}
  ArrayOf& operator=(ArrayOf&& other) noexcept {
    shape_ = std::exchange(other.shape_, {});
    storage_ = std::exchange(other.storage_, {});
    offset_ = std::exchange(other.offset_, 0);
    return *this;
  }
  /// @}
  /// Contents not initialised. Throws std::bad_alloc.
  explicit ArrayOf(const Shape& shape);
  ArrayOf(const Shape& shape, T fill);  ///< `fill` everywhere.
  /// Copies the values, row by row. Throws ShapeError when their number is not shape.size().
  /// @{
  ArrayOf(const Shape& shape, std::span<const T> values);
  ArrayOf(const Shape& shape, std::initializer_list<T> values)
      : ArrayOf(shape, std::span(values.begin(), values.size())) {}
  /// @}
  static ArrayOf scalar(T value) { return ArrayOf(Shape{}, value); }  ///< Of shape ().

  bool defined() const { return static_cast<bool>(storage_); }  ///< There is a buffer.
  /// Shape, elements, axes. An array that is not defined has those of a scalar: (), 1 and 0.
  /// @{
  const Shape& shape() const { return shape_; }
  Index size() const { return shape_.size(); }
  int rank() const { return shape_.rank(); }
  /// @}
  /// Extent of an axis; -1 is the last. Throws ShapeError when there is no such axis.
  Index dim(int axis) const { return shape_[axis]; }

  /// To read, row by row; null when there is no array. An array that is not const takes the other
  /// one, which may copy.
  const T* data() const { return static_cast<const T*>(storage_.data()) + offset_; }
  /// To write. Takes a private copy of the elements first if anybody else holds the buffer.
  T* data();
  /// All elements in order; none of an undefined array.
  std::span<const T> values() const {
    return {data(), defined() ? static_cast<std::size_t>(size()) : 0};
  }
  /// Element i, counted row by row, not checked.
  const T& operator[](Index i) const { return data()[i]; }
  /// The only element. Throws ShapeError unless size() is 1.
  T item() const;

  /// The same elements under another shape; in a list one extent may be -1. Shares the buffer.
  /// Throws ShapeError when the number of elements would change.
  /// @{
  ArrayOf reshape(const Shape& shape) const;
  ArrayOf reshape(std::initializer_list<Index> dims) const;
  /// @}
  /// Rows [begin, end) of the first axis. Shares the buffer. Throws ShapeError.
  ArrayOf rows(Index begin, Index end) const;

  /// Nobody else holds the buffer.
  bool unique() const { return storage_.unique(); }

 private:
  Shape shape_;
  Storage storage_;
  Index offset_ = 0;
};

using Array = ArrayOf<Scalar>;            ///< Values and gradients.
using IntArray = ArrayOf<std::int32_t>;   ///< Class labels, indices, counts.
using ByteArray = ArrayOf<std::uint8_t>;  ///< Images as they lie in their files.

/// The shape and the first eight elements, row by row: for messages and the debugger.
std::string to_string(const Array& array);

extern template class ArrayOf<float>;
extern template class ArrayOf<double>;
extern template class ArrayOf<std::int32_t>;
extern template class ArrayOf<std::uint8_t>;

}  // namespace kindling
