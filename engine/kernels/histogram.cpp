#include "engine/kernels/histogram.h"

#include <algorithm>
#include <array>
#include <limits>
#include <vector>

#include "engine/kernels/bit_planes.h"
#include "engine/kernels/simd.h"
#include "engine/parallel.h"

// One pass over memory, in blocks that stay in the first-level cache while they are looked at:
//
//     for each part (a task), for each block of it:
//       mean and squared distances of the block           (summarize)
//       cell[i] = where x[i] belongs                      in vector registers
//       counts[c] += how often c stands among the cells
//
// `++counts[cell[i]]`, a number at a time, takes a cycle and a half a number, and more where
// neighbours are alike: a count that was just written cannot be read again at once. So the cells
// are not looked up at all: bit_planes.h counts hundreds of them at a time.

namespace kindling::kernels {

namespace {

constexpr int kLanes = simd::kLanes<Scalar>;
using V = simd::Vec<Scalar, kLanes>;
using Cell = std::conditional_t<sizeof(Scalar) == 4, std::int32_t, std::int64_t>;
using CellV = simd::Vec<Cell, kLanes>;  // as wide as a V

constexpr Index kInCache = 16 * 1024 / sizeof(Scalar), kTask = 32 * kInCache, kAhead = kInCache;

/// Finds the cells of a register of numbers.
struct Finder {
  V low, high, scale, none;
  CellV kept;  ///< The bits of a number that count: with `absolute` all but the sign.

  Finder(const Cells& cells, int none)
      : low(simd::splat<V>(cells.low)),
        high(simd::splat<V>(cells.high)),
        scale(simd::splat<V>(static_cast<Scalar>(cells.bins) / (cells.high - cells.low))),
        none(simd::splat<V>(static_cast<Scalar>(none))),
        kept(simd::splat<CellV>(cells.absolute ? std::numeric_limits<Cell>::max() : Cell{-1})) {}

  /// `none` for what lies outside; the upper end may come out one past the last cell.
  CellV operator()(const Scalar* x) const {
    __builtin_prefetch(x + kAhead);
    const V v = (V)(simd::load<CellV>(x) & kept), above = v - low;
    V at = above * scale;
    at = v <= high ? at : none;
    at = above >= 0 ? at : none;
    return __builtin_convertvector(at, CellV);
  }
  /// The cells of as many registers of numbers as fill one with bytes, in whatever order.
  Bytes packed(const Scalar* x) const {
    CellV bytes = (*this)(x);
    for (std::size_t k = 1; k < sizeof(Cell); ++k) bytes = bytes << 8 | (*this)(x + k * kLanes);
    return (Bytes)bytes;
  }
};

/// Counts the elements of one part.
class Counter {
 public:
  explicit Counter(const Cells& cells) : bins_(cells.bins), find_(cells, none()) {}

  /// Adds the n elements of a block to `counts`, which has two more, for the upper end and for what
  /// lies outside; but what can be counted in planes is kept until finish().
  void add(const Scalar* x, Index n, std::int32_t* counts) {
    std::array<Scalar, kInCache> filled_up;
    if (n < kInCache) {
      std::fill(std::copy_n(x, n, filled_up.begin()), filled_up.end(),
                std::numeric_limits<Scalar>::quiet_NaN());  // belongs to no cell
      x = filled_up.data();
    }
    if (in_planes()) {
      for (Index at = 0; at < kInCache; at += BitPlanes::kNumbers)
        planes_.add(none(), [x = x + at, find = find_](Index i) { return find.packed(x + i); });
      return;
    }
    for (Index i = 0; i < kInCache; i += kLanes) {
      std::array<Cell, kLanes> cell;
      simd::store(cell.data(), find_(x + i));
      for (int k = 0; k < kLanes; ++k) ++counts[cell[k]];
    }
  }
  void finish(std::int32_t* counts) const {
    if (in_planes()) planes_.add_to(none(), counts);
    counts[bins_ - 1] += counts[bins_];
  }

 private:
  bool in_planes() const { return none() < BitPlanes::kCells; }
  int none() const { return bins_ + 1; }

  int bins_;
  Finder find_;
  BitPlanes planes_;
};

/// The sum of f(x[i]).
template <class F>
Scalar block_sum(const Scalar* x, Index n, const F& f) {
  constexpr int kSide = 8;  // sums side by side, because each addition waits for the one before it
  V sums[kSide] = {};
  Index i = 0;
  for (; i + kSide * kLanes <= n; i += kSide * kLanes)
    for (int k = 0; k < kSide; ++k) sums[k] += f(simd::load<V>(x + i + k * kLanes));
  for (int k = 1; k < kSide; ++k) sums[0] += sums[k];
  Scalar sum = simd::sum(sums[0]);
  for (; i < n; ++i) sum += f(x[i]);
  return sum;
}

/// Mean and squared distance of numbers seen so far (Chan, Golub and LeVeque, "Updating formulae
/// and a pairwise algorithm for computing sample variances", 1979). Taken block by block about each
/// block's own mean, nothing cancels however far from zero the numbers lie.
struct Spread {
  double n = 0, sum = 0, squared_distance = 0;

  static Spread of(const Scalar* x, Index n) {
    const Scalar sum = block_sum(x, n, [](const auto& v) { return v; });
    const Scalar mean = sum / static_cast<Scalar>(n);
    const Scalar squares =
        block_sum(x, n, [mean](const auto& v) { return (v - mean) * (v - mean); });
    return {static_cast<double>(n), sum, squares};
  }
  double mean() const { return sum / n; }  // of nothing: not a number
  void add(const Spread& other) {
    const double apart = n > 0 ? other.mean() - mean() : 0;
    squared_distance += other.squared_distance + apart * apart * n * other.n / (n + other.n);
    n += other.n;
    sum += other.sum;
  }
};

template <bool kSpread>
Summary walk(const Array& x, const Cells& cells) {
  const Index parts = (x.size() + kTask - 1) / kTask, width = cells.bins + 2;
  IntArray partial(Shape{parts, width}, 0);
  std::vector<Spread> spreads(static_cast<std::size_t>(parts));
  const Scalar* in = x.data();
  std::int32_t* all = partial.data();
  parallel_chunks(x.size(), kTask, 4 * x.size(), [&](Index begin, Index end) {
    const Index part = begin / kTask;
    Counter counter(cells);
    for (Index at = begin; at < end; at += kInCache) {
      const Index n = std::min(kInCache, end - at);
      if constexpr (kSpread) spreads[static_cast<std::size_t>(part)].add(Spread::of(in + at, n));
      counter.add(in + at, n, all + part * width);
    }
    counter.finish(all + part * width);
  });
  // Counts are whole numbers and may be added in any order; spreads are added in theirs.
  Spread total;
  for (const Spread& spread : spreads) total.add(spread);
  IntArray counts(Shape{cells.bins}, 0);
  std::int32_t* out = counts.data();
  for (Index part = 0; part < parts; ++part)
    for (Index i = 0; i < cells.bins; ++i) out[i] += all[part * width + i];
  return {total.mean(), total.squared_distance, counts};
}

}  // namespace

IntArray histogram(const Array& x, const Cells& cells) { return walk<false>(x, cells).counts; }

Summary summarize(const Array& x, const Cells& cells) { return walk<true>(x, cells); }

}  // namespace kindling::kernels
