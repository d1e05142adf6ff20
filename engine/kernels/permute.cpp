#include <algorithm>
#include <array>
#include <utility>

#include "engine/kernels/layout.h"
#include "engine/kernels/simd.h"
#include "engine/parallel.h"

namespace kindling::kernels {

namespace {

/// One axis of the result and how far apart its elements are in x and in y.
struct Axis {
  Index extent, from, to;
};

/// The axes of y that matter, innermost first: unit axes are dropped, and neighbours in y that are
/// neighbours in x as well are one.
struct PermutedWalk {
  std::array<Axis, Shape::kMaxRank> axes;
  int count = 0;

  PermutedWalk(const Shape& x, const Axes& order) {
    std::array<Index, Shape::kMaxRank> stride{};
    for (Index i = x.rank(), product = 1; i-- > 0; product *= x[static_cast<int>(i)])
      stride[i] = product;
    Index to = 1;
    for (std::size_t i = order.size(); i-- > 0;) {
      const Index extent = x[order[i]], from = stride[order[i]];
      if (extent == 1) continue;
      if (count > 0 && from == axes[count - 1].from * axes[count - 1].extent)
        axes[count - 1].extent *= extent;
      else
        axes[count++] = {extent, from, to};
      to *= extent;
    }
  }

  /// Takes an axis out.
  Axis take(int i) {
    const Axis axis = axes[i];
    std::copy(axes.begin() + i + 1, axes.begin() + count, axes.begin() + i);
    --count;
    return axis;
  }

  /// How many times the remaining axes are stepped, and where step i begins in x and in y.
  Index steps() const {
    Index n = 1;
    for (int a = 0; a < count; ++a) n *= axes[a].extent;
    return n;
  }
  std::pair<Index, Index> begin(Index i) const {
    Index from = 0, to = 0;
    for (int a = 0; a < count; ++a) {
      from += i % axes[a].extent * axes[a].from;
      to += i % axes[a].extent * axes[a].to;
      i /= axes[a].extent;
    }
    return {from, to};
  }
};

constexpr int kSide = simd::kLanes<Scalar>;
using Row = simd::Vec<Scalar, kSide>;

/// Exchanges the quarters off the diagonal of every 2H x 2H square of rows i and i + H:
///
///     A B      A C
///     C D  ->  B D     for H = half the side, then for H/2 within each quarter, down to 1
template <int H>
void exchange(Row* row) {
  for (int i = 0; i < kSide; ++i) {
    if (i & H) continue;
    const Row above = row[i], below = row[i + H];
    [&]<int... L>(std::integer_sequence<int, L...>) {
      row[i] = __builtin_shufflevector(above, below, (L & H ? kSide + L - H : L)...);
      row[i + H] = __builtin_shufflevector(above, below, (L & H ? kSide + L : L + H)...);
    }
    (std::make_integer_sequence<int, kSide>());
  }
  if constexpr (H > 1) exchange<H / 2>(row);
}

/// out[j, i] = in[i, j] for a square as wide as a vector register: it is loaded by rows, turned in
/// the registers, and stored by columns.
void turn_square(const Scalar* in, Index in_pitch, Scalar* out, Index out_pitch) {
  Row row[kSide];
  for (int i = 0; i < kSide; ++i) row[i] = simd::load<Row>(in + i * in_pitch);
  exchange<kSide / 2>(row);
  for (int j = 0; j < kSide; ++j) simd::store(out + j * out_pitch, row[j]);
}

/// out[j, i] = in[i, j], i < rows, j < columns: squares first, then what is left at the edges. Down
/// a column of squares, so that y is written in runs; what stands right of a square, whose
/// turn comes in the next column, is fetched meanwhile.
void turn(const Scalar* in, Index in_pitch, Scalar* out, Index out_pitch, Index rows,
          Index columns) {
  const Index whole_rows = rows - rows % kSide, whole_columns = columns - columns % kSide;
  for (Index j = 0; j < whole_columns; j += kSide)
    for (Index i = 0; i < whole_rows; i += kSide) {
      const Scalar* square = in + i * in_pitch + j;
      for (int k = 0; k < kSide; ++k) __builtin_prefetch(square + k * in_pitch + kSide);
      turn_square(square, in_pitch, out + j * out_pitch + i, out_pitch);
    }
  for (Index j = 0; j < columns; ++j)
    for (Index i = j < whole_columns ? whole_rows : 0; i < rows; ++i)
      out[j * out_pitch + i] = in[i * in_pitch + j];
}

/// The innermost axis is the same in x and in y: runs are copied.
void copy_runs(const Scalar* in, Scalar* out, PermutedWalk walk) {
  const Index run = walk.take(0).extent, steps = walk.steps();
  const Index together = std::max<Index>(1, kChunk / run);
  parallel_chunks(steps, together, steps * run, [&](Index first, Index last) {
    for (Index i = first; i < last; ++i) {
      const auto [from, to] = walk.begin(i);
      std::copy_n(in + from, run, out + to);
    }
  });
}

/// A transposition, as often as the other axes say. A task turns one tile, small enough that what
/// is fetched ahead and the lines written only in part stay in the cache:
///
///      x: . . j . .        y: . . i . .
///         i [tile]            j [tile]      x runs along j, y along i
void turn_tiles(const Scalar* in, Scalar* out, PermutedWalk walk) {
  constexpr Index kTile = 256, kSmall = 128, kTiles = 64;  // large ones when there are many
  int other = 1;
  while (walk.axes[other].from != 1) ++other;
  const Axis j = walk.take(other), i = walk.take(0);
  const Index numbers = walk.steps() * i.extent * j.extent;
  const Index tile = numbers >= kTiles * kTile * kTile ? kTile : kSmall;
  const Index width = std::min(tile, j.extent), height = tile * tile / width / kSide * kSide;
  const Index across = (j.extent + width - 1) / width, down = (i.extent + height - 1) / height;
  parallel_for(walk.steps() * across * down, numbers, [&](Index task) {
    const Index left = task % across * width, top = task / across % down * height;
    const auto [from, to] = walk.begin(task / across / down);
    turn(in + from + top * i.from + left, i.from, out + to + left * j.to + top, j.to,
         std::min(height, i.extent - top), std::min(width, j.extent - left));
  });
}

}  // namespace

Array permute(const Array& x, const Axes& order) {
  std::array<Index, Shape::kMaxRank> extent{};
  for (int i = 0; i < x.rank(); ++i) extent[i] = x.dim(order[i]);
  const Shape shape(std::span<const Index>(extent.data(), static_cast<std::size_t>(x.rank())));
  const PermutedWalk walk(x.shape(), order);
  if (x.size() == 0 || walk.count <= 1) return x.reshape(shape);  // nothing moves
  Array y(shape);
  (walk.axes[0].from == 1 ? copy_runs : turn_tiles)(x.data(), y.data(), walk);
  return y;
}

}  // namespace kindling::kernels
