#include "engine/shape.h"

#include <algorithm>
#include <ostream>

#include "engine/error.h"

namespace kindling {

namespace {

/// Extents that print themselves, but only when a message is really put together.
struct Extents {
  std::span<const Index> dims;
  friend std::ostream& operator<<(std::ostream& out, const Extents& extents) {
    out << '(';
    for (std::size_t i = 0; i < extents.dims.size(); ++i)
      out << (i > 0 ? "," : "") << extents.dims[i];
    return out << ')';
  }
};

}  // namespace

Shape::Shape(std::span<const Index> dims, const char* who) : rank_(static_cast<int>(dims.size())) {
  check(dims.size() <= kMaxRank, who, Extents{dims}, ": at most ", int{kMaxRank}, " axes");
  // A zero anywhere makes the size zero, but the other extents must not overflow either: strides
  // are products of them.
  Index strides = 1;
  for (int i = 0; i < rank_; ++i) {
    dims_[i] = dims[i];
    check(dims[i] >= 0, who, Extents{dims}, ": extents cannot be negative");
    check(!__builtin_mul_overflow(strides, std::max<Index>(dims[i], 1), &strides), who,
          Extents{dims}, ": the number of elements does not fit in 64 bits");
    size_ *= dims[i];
  }
}

void Shape::no_axis(int axis, const char* who) const {
  throw ShapeError(str("[", who, "] ", *this, ": there is no axis ", axis));
}

std::string Shape::to_string() const { return str(*this); }

Shape Shape::with(int axis, Index extent) const {
  auto dims = dims_;
  dims[normalize(axis)] = extent;
  return Shape(std::span<const Index>(dims.data(), rank_));
}

std::ostream& operator<<(std::ostream& out, const Shape& shape) {
  return out << Extents{shape.dims()};
}

bool broadcasts(const Shape& a, const Shape& b) {
  for (int i = 1; i <= std::min(a.rank(), b.rank()); ++i)
    if (a[-i] != b[-i] && a[-i] != 1 && b[-i] != 1) return false;
  return true;
}

Shape broadcast_shapes(const char* who, const Shape& a, const Shape& b) {
  if (a == b) return a;
  const int rank = std::max(a.rank(), b.rank());
  std::array<Index, Shape::kMaxRank> dims{};
  for (int i = 1; i <= rank; ++i) {
    const Index da = i <= a.rank() ? a[-i] : 1, db = i <= b.rank() ? b[-i] : 1;
    check(da == db || da == 1 || db == 1, who, a, " and ", b, ": axis ", -i,
          " does not broadcast (", da, " against ", db, ")");
    dims[rank - i] = da == 1 ? db : da;
  }
  return Shape(std::span<const Index>(dims.data(), rank));
}

Axes normalize_axes(const char* who, const Shape& shape, const Axes& axes) {
  Axes result;
  if (axes.empty())
    for (int i = 0; i < shape.rank(); ++i) result.push_back(i);
  for (int axis : axes) result.push_back(shape.normalize(axis, who));
  std::sort(result.begin(), result.end());
  check(std::adjacent_find(result.begin(), result.end()) == result.end(), who, shape,
        ": an axis is named twice");
  return result;
}

Shape reduced_shape(const Shape& shape, const Axes& axes, bool keepdim) {
  RecycledVector<Index> dims;
  for (int i = 0; i < shape.rank(); ++i) {
    const bool gone = std::find(axes.begin(), axes.end(), i) != axes.end();
    if (!gone) dims.push_back(shape[i]);
    if (gone && keepdim) dims.push_back(1);
  }
  return Shape(std::span<const Index>(dims));
}

Shape resolve_reshape(const char* who, const Shape& from, std::span<const Index> to) {
  const auto require = [&](bool fits) {
    check(fits, who, from, " cannot become ", Extents{to}, ": ", from.size(),
          " elements, and at most ", int{Shape::kMaxRank}, " axes");
  };
  require(to.size() <= Shape::kMaxRank);
  // The size of all extents but the one that is left open, which must divide what there is.
  Index known = 1;
  int holes = 0;
  for (const Index extent : to) {
    require(extent >= -1);
    if (extent == -1)
      ++holes;
    else
      require(!__builtin_mul_overflow(known, extent, &known));
  }
  require(holes <= 1 && (holes ? known != 0 && from.size() % known == 0 : known == from.size()));
  RecycledVector<Index> dims(to.begin(), to.end());
  for (Index& extent : dims)
    if (extent == -1) extent = from.size() / known;
  return Shape(std::span<const Index>(dims), who);
}

Index window_extent(Index in, Index kernel, Index stride, Index padding, bool ceil_mode) {
  const Index span = in + 2 * padding - kernel;
  if (span < 0) return 0;
  if (!ceil_mode) return span / stride + 1;
  Index out = (span + stride - 1) / stride + 1;
  if ((out - 1) * stride >= in + padding) --out;
  return out;
}

}  // namespace kindling
