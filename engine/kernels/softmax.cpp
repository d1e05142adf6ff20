#include "engine/kernels/softmax.h"

#include <algorithm>
#include <array>
#include <functional>
#include <limits>

#include "engine/kernels/exp.h"
#include "engine/kernels/math.h"
#include "engine/kernels/reduce.h"
#include "engine/kernels/rows.h"
#include "engine/parallel.h"

// As many rows at a time as a register has lanes (rows.h), so that what there is one of for each
// row fills a register too: their largest scores, the sums of their exponentials, the logarithms.
// Each of these waits for the one before it, so several such groups make a block:
//
//     for each block of rows, small enough for the first-level cache:
//       for each group of it: largest = max over each row              (from memory)
//       for each group of it: sum = sum of exp(x - largest)            (from the cache)
//       log_sum = log(sum)
//       what is wanted of each element, or of the targets
//
// Group by group, ten classes took twice as long.

namespace kindling::kernels {

namespace {

constexpr Index kRows = RowGroup::kRows;
using V = RowGroup::V;

/// Rows of classes, cut into groups and those into blocks.
struct Rows {
  static constexpr Index kBlock = 2048;  ///< Numbers in a block, unless one group alone has more.
  /// One number for each row of a block.
  using PerRow = std::array<Scalar, kBlock>;

  Index n, classes, in_block;
  RowShape shape;

  explicit Rows(const Array& x)
      : n(x.dim(-1) == 0 ? 0 : x.size() / x.dim(-1)),
        classes(x.dim(-1)),
        in_block(std::max<Index>(1, kBlock / std::max<Index>(1, kRows * classes)) * kRows),
        shape(classes) {}

  /// Calls body(first row, rows) for every block.
  template <class Body>
  void each_block(const Body& body) const {
    parallel_chunks(n, in_block, n * classes,
                    [&](Index begin, Index end) { body(begin, end - begin); });
  }
  /// Calls body(i, group) for the groups of `rows` rows of x from `first` on: the group's first row
  /// is first + i.
  template <class Body>
  void each_group(const Scalar* x, Index first, Index rows, const Body& body) const {
    for (Index i = 0; i < rows; i += kRows)
      body(i, RowGroup(shape, x + (first + i) * classes, rows - i));
  }
};

/// Asks for n numbers before they are needed.
void prefetch(const Scalar* x, Index n) {
  for (Index i = 0; i < n; i += 64 / static_cast<Index>(sizeof(Scalar))) __builtin_prefetch(x + i);
}

/// largest and log(sum(exp(x - largest))) of the rows of a block.
struct Norm {
  alignas(64) Rows::PerRow largest, log_sum;

  Norm(const Rows& all, const Scalar* x, Index first, Index rows) {
    constexpr Scalar kNone = -std::numeric_limits<Scalar>::infinity();
    all.each_group(x, first, rows, [&, shape = all.shape](Index i, const RowGroup& group) {
      // A NaN need not be the largest here: it makes the sum one, and with it the whole row.
      const V most = reduce_rows(
          shape, group, kNone, [](Index, const V& v) { return v; },
          [](const V& a, const V& b) { return a > b ? a : b; });
      simd::store(largest.data() + i, most);
    });
    all.each_group(x, first, rows, [&, shape = all.shape](Index i, const RowGroup& group) {
      if (all.in_block > kRows)
        prefetch(x + (first + i + all.in_block) * all.classes, kRows * all.classes);
      const Scalar* top = largest.data() + i;
      const V sum = reduce_rows(
          shape, group, kNone,
          [=](Index k, const V& v) { return simd::exp(v - simd::splat<V>(top[k])); },
          std::plus<>());
      simd::store(log_sum.data() + i, sum);
    });
    // Whole registers: Eigen rounds the logarithm of a number by itself differently.
    math::Run sums(log_sum.data(), (rows + kRows - 1) / kRows * kRows);
    sums = sums.log();
  }
};

/// out = f(k)(j) for all elements of a group: in row k, a register from j on. (What f(k) returns
/// captures by value: a number that stands in memory would be fetched anew after every store.)
template <class F>
void write_rows(const RowShape& shape, Index rows, Scalar* out, const F& f) {
  alignas(64) std::array<Scalar, kRows * kRows> copy;  // what is written beyond a narrow row
  Scalar* to = shape.narrow() ? copy.data() : out;
  for (Index k = 0; k < rows; ++k) shape.write(to + k * shape.width, f(k));
  if (shape.narrow()) std::copy_n(to, rows * shape.width, out);
}

}  // namespace

Array log_softmax(const Array& x) {
  const Rows all(x);
  Array y(x.shape());
  const Scalar* in = x.data();
  Scalar* out = y.data();
  all.each_block([&](Index first, Index rows) {
    const Norm norm(all, in, first, rows);
    all.each_group(in, first, rows, [&, shape = all.shape](Index i, const RowGroup& group) {
      const Scalar *top = norm.largest.data() + i, *log_sum = norm.log_sum.data() + i;
      write_rows(shape, std::min(kRows, rows - i), out + (first + i) * shape.width, [&](Index k) {
        return [x = group.row(k), highest = top[k], total = log_sum[k]](Index j) {
          return (simd::load<V>(x + j) - highest) - total;
        };
      });
    });
  });
  return y;
}

// y = x - log sum e^x;  dx = dy - e^y sum dy
Array log_softmax_dx(Array&& dy, const Array& y) {
  const Rows all(y);
  const Scalar *grad = std::as_const(dy).data(), *log_p = y.data();
  Array dx = dy.unique() ? std::move(dy) : Array(y.shape());
  Scalar* out = dx.data();
  all.each_block([&](Index first, Index rows) {
    all.each_group(grad, first, rows, [&, shape = all.shape](Index i, const RowGroup& dys) {
      const Index at = (first + i) * shape.width;
      const RowGroup ys(shape, log_p + at, rows - i);
      const V totals = reduce_rows(
          shape, dys, 0, [](Index, const V& v) { return v; }, std::plus<>());
      write_rows(shape, std::min(kRows, rows - i), out + at, [&](Index k) {
        return [dy = dys.row(k), y = ys.row(k), total = totals[k]](Index j) {
          return simd::load<V>(dy + j) - simd::exp(simd::load<V>(y + j)) * total;
        };
      });
    });
  });
  return dx;
}

Scalar cross_entropy(const Array& x, const IntArray& targets, Scalar smoothing, LogSumExp& norm) {
  const Rows all(x);
  norm = {Array(Shape{all.n}), Array(Shape{all.n})};
  Array losses(Shape{all.n});
  const Scalar* in = x.data();
  Scalar *largest = norm.largest.data(), *log_sum = norm.log_sum.data(), *out = losses.data();
  const std::int32_t* target = targets.data();
  all.each_block([&](Index first, Index rows) {
    const Norm mine(all, in, first, rows);
    std::copy_n(mine.largest.data(), rows, largest + first);
    std::copy_n(mine.log_sum.data(), rows, log_sum + first);
    for (Index i = first; i < first + rows; ++i)
      out[i] = -(1 - smoothing) * ((in[i * all.classes + target[i]] - largest[i]) - log_sum[i]);
    if (smoothing == 0) return;
    for (Index i = first; i < first + rows; ++i) {
      const math::ConstRun row(in + i * all.classes, all.classes);
      out[i] -= smoothing * ((row - largest[i]).mean() - log_sum[i]);
    }
  });
  return mean(losses).item();
}

// y = -mean of q log p;  dx = (p - q) dy / N
Array cross_entropy_dx(const Array& x, const IntArray& targets, Scalar smoothing,
                       const LogSumExp& norm, Scalar scale) {
  const Rows all(x);
  Array dx(x.shape());
  const Scalar *in = x.data(), *largest = norm.largest.data(), *log_sum = norm.log_sum.data();
  const std::int32_t* target = targets.data();
  const Scalar spread = smoothing / static_cast<Scalar>(all.classes);
  Scalar* out = dx.data();
  all.each_block([&](Index first, Index rows) {
    all.each_group(in, first, rows, [&, shape = all.shape](Index i, const RowGroup& group) {
      const Scalar *top = largest + first + i, *total = log_sum + first + i;
      write_rows(shape, std::min(kRows, rows - i), out + (first + i) * shape.width, [&](Index k) {
        return [=, x = group.row(k), highest = top[k], sum = total[k]](Index j) {
          return (simd::exp((simd::load<V>(x + j) - highest) - sum) - spread) * scale;
        };
      });
    });
    for (Index i = first; i < first + rows; ++i)
      out[i * all.classes + target[i]] -= (1 - smoothing) * scale;
  });
  return dx;
}

}  // namespace kindling::kernels
