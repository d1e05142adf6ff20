#include "engine/kernels/histogram.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "engine/kernels/math.h"
#include "engine/parallel.h"

// One pass over memory, in blocks that stay in the first-level cache while they are looked at:
//
//     for each part (a task), for each block of it:
//       cell[i] = where x[i] belongs, or one past the last cell      in vector registers
//       pair[i] = cell[i], cell[i + half the block], as one number
//       ++table[i % 4][pair[i]]                                      one count for two elements
//       mean and squared distances of the block                      (summarize)
//
// Neighbours are often alike, and a count that was just written cannot be read again at once: so
// there are four tables, used in turn.

namespace kindling::kernels {

namespace {

constexpr Index kBlock = 2048, kHalf = kBlock / 2, kPart = 64 * kBlock;
constexpr int kTables = 4, kMaxPaired = 40;

/// Counts the elements of one part.
class Counter {
 public:
  explicit Counter(const Cells& cells)
      : cells_(cells),
        scale_(static_cast<Scalar>(cells.bins) / (cells.high - cells.low)),
        paired_(cells.bins <= kMaxPaired) {
    if (paired_) std::fill_n(tables_[0].data(), kTables * kPairs, std::uint16_t{0});
  }

  /// Adds n <= kBlock elements, straight to `counts` (which has one more, for what lies outside)
  /// when there are too many cells for the tables.
  void add(const Scalar* x, Index n, std::int32_t* counts) {
    std::array<std::int32_t, kBlock> cell;
    find(x, n, cell.data());
    if (!paired_ || n < kBlock) {
      for (Index i = 0; i < n; ++i) ++counts[cell[i]];
      return;
    }
    for (Index i = 0; i < kHalf; ++i) cell[i] = cell[i] * kSide + cell[i + kHalf];
    for (Index i = 0; i < kHalf; i += kTables)
      for (int k = 0; k < kTables; ++k) ++tables_[k][cell[i + k]];
  }

  /// Adds what the tables hold.
  void finish(std::int32_t* counts) const {
    if (!paired_) return;
    for (int a = 0; a <= cells_.bins; ++a)
      for (int b = 0; b <= cells_.bins; ++b)
        for (int k = 0; k < kTables; ++k) {
          const std::int32_t n = tables_[k][a * kSide + b];
          counts[a] += n;
          counts[b] += n;
        }
  }

 private:
  static constexpr int kSide = kMaxPaired + 1, kPairs = kSide * kSide;
  static_assert(kPart / 2 / kTables < 1 << 16);

  void find(const Scalar* x, Index n, std::int32_t* cell) const {
    const Scalar last = static_cast<Scalar>(cells_.bins - 1), none = last + 1;
    const auto place = [&](Scalar value) {
      const bool inside = (value >= cells_.low) & (value <= cells_.high);
      const Scalar at = std::min((value - cells_.low) * scale_, last);
      return static_cast<std::int32_t>(inside ? at : none);
    };
    if (cells_.absolute)
      for (Index i = 0; i < n; ++i) cell[i] = place(std::abs(x[i]));
    else
      for (Index i = 0; i < n; ++i) cell[i] = place(x[i]);
  }

  Cells cells_;
  Scalar scale_;
  bool paired_;
  std::array<std::array<std::uint16_t, kPairs>, kTables> tables_;
};

/// Mean and squared distance of numbers seen so far (Chan, Golub and LeVeque, "Updating formulae
/// and a pairwise algorithm for computing sample variances", 1979). Taken block by block about each
/// block's own mean, nothing cancels however far from zero the numbers lie.
struct Spread {
  double n = 0, sum = 0, squared_distance = 0;

  static Spread of(const Scalar* x, Index n) {
    const math::ConstRun run(x, n);
    const Scalar sum = run.sum(), mean = sum / static_cast<Scalar>(n);
    return {static_cast<double>(n), sum, (run - mean).square().sum()};
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
  const Index parts = (x.size() + kPart - 1) / kPart, width = cells.bins + 1;
  IntArray partial(Shape{parts, width}, 0);
  std::vector<Spread> spreads(static_cast<std::size_t>(parts));
  const Scalar* in = x.data();
  std::int32_t* all = partial.data();
  parallel_chunks(x.size(), kPart, 4 * x.size(), [&](Index begin, Index end) {
    const Index part = begin / kPart;
    Counter counter(cells);
    for (Index at = begin; at < end; at += kBlock) {
      const Index n = std::min(kBlock, end - at);
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
