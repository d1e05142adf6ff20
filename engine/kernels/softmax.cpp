#include "engine/kernels/softmax.h"

#include <algorithm>
#include <array>

#include "engine/kernels/math.h"
#include "engine/kernels/reduce.h"
#include "engine/parallel.h"

// Rows may be as short as ten classes, shorter than a vector register. So what costs most, the
// exponential, is not taken row by row but of a whole block of rows at a time:
//
//     for each block of rows, small enough for the first-level cache:
//       shifted = x - largest of its row          row by row
//       e = exp(shifted)                          the whole block as one run
//       log_sum = log(sum of its row of e)        row by row, then as one run

namespace kindling::kernels {

namespace {

/// Operations an exponential is worth, for the decision to start threads.
constexpr Index kExpCost = 16;

/// Rows of classes, cut into blocks.
struct Rows {
  static constexpr Index kBlock = 2048;  ///< Numbers in a block, unless one row alone has more.

  Index n, classes, in_block;
  explicit Rows(const Array& x)
      : n(x.dim(-1) == 0 ? 0 : x.size() / x.dim(-1)),
        classes(x.dim(-1)),
        in_block(std::clamp<Index>(kBlock / std::max<Index>(classes, 1), 1, kBlock)) {}

  /// Calls body(first row, rows, scratch for two blocks) for every block.
  template <class Body>
  void each_block(const Body& body) const {
    const Index size = in_block * classes;
    Array scratch(Shape{size > kBlock ? max_threads() : 0, 2 * size});
    Scalar* large = scratch.data();
    parallel_chunks(n, in_block, n * classes * kExpCost, [&](Index begin, Index end) {
      alignas(64) std::array<Scalar, 2 * kBlock> small;
      Scalar* mine = size > kBlock ? large + thread_index() * 2 * size : small.data();
      body(begin, end - begin, mine, mine + size);
    });
  }
};

/// shifted = x - largest, e = exp(shifted), log_sum = log(sum(e)) for some rows.
void log_sum_exp(const Scalar* x, Index rows, Index classes, Scalar* shifted, Scalar* e,
                 Scalar* highest, Scalar* log_sum) {
  for (Index i = 0; i < rows; ++i) {
    const Scalar* row = x + i * classes;
    // A NaN need not be the largest here: it makes the sum one, and with it the whole row.
    const Scalar top = highest[i] = math::ConstRun(row, classes).maxCoeff();
    for (Index j = 0; j < classes; ++j) shifted[i * classes + j] = row[j] - top;
  }
  math::Run(e, rows * classes) = math::ConstRun(shifted, rows * classes).exp();
  for (Index i = 0; i < rows; ++i) log_sum[i] = math::ConstRun(e + i * classes, classes).sum();
  math::Run(log_sum, rows) = math::ConstRun(log_sum, rows).log();
}

}  // namespace

Array log_softmax(const Array& x) {
  const Rows rows(x);
  Array y(x.shape());
  const Scalar* in = x.data();
  Scalar* out = y.data();
  rows.each_block([&](Index first, Index n, Scalar* shifted, Scalar* e) {
    // Aligned: Eigen takes the logarithm of what stands before the first whole register one by one,
    // and rounds it differently.
    alignas(64) std::array<Scalar, Rows::kBlock> highest, log_sum;
    const Index c = rows.classes;
    log_sum_exp(in + first * c, n, c, shifted, e, highest.data(), log_sum.data());
    for (Index i = 0; i < n; ++i)
      for (Index j = 0; j < c; ++j) out[(first + i) * c + j] = shifted[i * c + j] - log_sum[i];
  });
  return y;
}

// y = x - log sum e^x;  dx = dy - e^y sum dy
Array log_softmax_dx(Array&& dy, const Array& y) {
  const Rows rows(y);
  const Scalar* grad = std::as_const(dy).data();
  const Scalar* log_p = y.data();
  Array dx = dy.unique() ? std::move(dy) : Array(y.shape());
  Scalar* out = dx.data();
  rows.each_block([&](Index first, Index n, Scalar* p, Scalar*) {
    const Index c = rows.classes, at = first * c;
    math::Run(p, n * c) = math::ConstRun(log_p + at, n * c).exp();
    for (Index i = 0; i < n; ++i) {
      const Scalar total = math::ConstRun(grad + at + i * c, c).sum();
      for (Index j = i * c; j < (i + 1) * c; ++j) out[at + j] = grad[at + j] - p[j] * total;
    }
  });
  return dx;
}

Scalar cross_entropy(const Array& x, const IntArray& targets, Scalar smoothing, LogSumExp& norm) {
  const Rows rows(x);
  norm = {Array(Shape{rows.n}), Array(Shape{rows.n})};
  Array losses(Shape{rows.n});
  const Scalar* in = x.data();
  Scalar *highest = norm.largest.data(), *log_sum = norm.log_sum.data(), *out = losses.data();
  const std::int32_t* target = targets.data();
  rows.each_block([&](Index first, Index n, Scalar* shifted, Scalar* e) {
    const Index c = rows.classes;
    log_sum_exp(in + first * c, n, c, shifted, e, highest + first, log_sum + first);
    for (Index i = 0; i < n; ++i) {
      const Scalar total = log_sum[first + i];
      out[first + i] = -(1 - smoothing) * (shifted[i * c + target[first + i]] - total);
      if (smoothing > 0)
        out[first + i] -= smoothing * (math::ConstRun(shifted + i * c, c).mean() - total);
    }
  });
  return mean(losses).item();
}

// y = -mean of q log p;  dx = (p - q) dy / N
Array cross_entropy_dx(const Array& x, const IntArray& targets, Scalar smoothing,
                       const LogSumExp& norm, Scalar scale) {
  const Rows rows(x);
  Array dx(x.shape());
  const Scalar *in = x.data(), *highest = norm.largest.data(), *log_sum = norm.log_sum.data();
  const std::int32_t* target = targets.data();
  const Scalar spread = smoothing / static_cast<Scalar>(rows.classes);
  Scalar* out = dx.data();
  rows.each_block([&](Index first, Index n, Scalar* log_p, Scalar*) {
    const Index c = rows.classes, at = first * c;
    for (Index i = 0; i < n; ++i)
      for (Index j = i * c; j < (i + 1) * c; ++j)
        log_p[j] = (in[at + j] - highest[first + i]) - log_sum[first + i];
    math::Run(out + at, n * c) = (math::ConstRun(log_p, n * c).exp() - spread) * scale;
    for (Index i = 0; i < n; ++i) out[at + i * c + target[first + i]] -= (1 - smoothing) * scale;
  });
  return dx;
}

}  // namespace kindling::kernels
