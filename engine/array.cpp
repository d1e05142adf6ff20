#include "engine/array.h"

#include <algorithm>
#include <new>

#include "engine/error.h"
#include "engine/parallel.h"

namespace kindling {

namespace {

template <class T>
std::size_t bytes_of(const Shape& shape) {
  std::size_t bytes = 0;
  if (__builtin_mul_overflow(static_cast<std::size_t>(shape.size()), sizeof(T), &bytes))
    throw std::bad_alloc();
  return bytes;
}

}  // namespace

template <class T>
ArrayOf<T>::ArrayOf(const Shape& shape) : shape_(shape), storage_(bytes_of<T>(shape)) {}

template <class T>
ArrayOf<T>::ArrayOf(const Shape& shape, T fill) : ArrayOf(shape) {
  T* out = data();
  parallel_chunks(size(), kChunk, size(),
                  [&](Index begin, Index end) { std::fill(out + begin, out + end, fill); });
}

template <class T>
ArrayOf<T>::ArrayOf(const Shape& shape, std::span<const T> values) : ArrayOf(shape) {
  check(static_cast<Index>(values.size()) == size(), "array", shape, ": ", size(),
        " values expected, got ", values.size());
  std::copy(values.begin(), values.end(), data());
}

template <class T>
T* ArrayOf<T>::data() {
  if (storage_ && !storage_.unique()) {
    ArrayOf copy(shape_);
    const T* in = static_cast<const ArrayOf*>(this)->data();
    T* out = static_cast<T*>(copy.storage_.data());
    parallel_chunks(size(), kChunk, size(),
                    [&](Index begin, Index end) { std::copy(in + begin, in + end, out + begin); });
    *this = std::move(copy);
  }
  return static_cast<T*>(storage_.data()) + offset_;
}

template <class T>
T ArrayOf<T>::item() const {
  check(defined() && size() == 1, "item", shape_, ": exactly one element expected");
  return data()[0];
}

template <class T>
ArrayOf<T> ArrayOf<T>::reshape(const Shape& shape) const {
  check(shape.size() == size(), "reshape", shape_, " cannot become ", shape);
  ArrayOf view = *this;
  view.shape_ = shape;
  return view;
}

template <class T>
ArrayOf<T> ArrayOf<T>::reshape(std::initializer_list<Index> dims) const {
  return reshape(resolve_reshape("reshape", shape_, std::span(dims.begin(), dims.size())));
}

template <class T>
ArrayOf<T> ArrayOf<T>::rows(Index begin, Index end) const {
  check(rank() > 0 && 0 <= begin && begin <= end && end <= shape_[0], "rows", shape_, ": [", begin,
        ",", end, ") is not inside the first axis");
  ArrayOf view = *this;
  const Index row = shape_[0] == 0 ? 0 : size() / shape_[0];
  view.shape_ = shape_.with(0, end - begin);
  view.offset_ += begin * row;
  return view;
}

std::string to_string(const Array& array) {
  if (!array.defined()) return "(undefined)";
  constexpr Index kShown = 8;
  std::string text = array.shape().to_string() + " [";
  for (Index i = 0; i < std::min(array.size(), kShown); ++i)
    text += (i ? ", " : "") + str(array[i]);
  return text + (array.size() > kShown ? ", ...]" : "]");
}

template class ArrayOf<float>;
template class ArrayOf<double>;
template class ArrayOf<std::int32_t>;
template class ArrayOf<std::uint8_t>;

}  // namespace kindling
