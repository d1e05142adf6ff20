#include "engine/kernels/reduce.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "engine/error.h"
#include "engine/kernels/elementwise.h"
#include "engine/kernels/layout.h"
#include "engine/kernels/rows.h"
#include "engine/kernels/simd.h"

namespace kindling::kernels {

namespace {

/// Every reduction is brought to (outer, n, inner) -> (outer, inner): n is what goes.
struct Folded {
  Array x;
  Index outer = 1, n = 1, inner = 1;
};

Folded fold(const Array& x, const Axes& axes) {
  Folded folded{x};
  const auto reduced = [&](int i) { return std::find(axes.begin(), axes.end(), i) != axes.end(); };
  const bool together =
      axes.empty() || axes.back() - axes.front() + 1 == static_cast<int>(axes.size());
  if (together) {
    for (int i = 0; i < x.rank(); ++i) {
      const bool before = !axes.empty() && i < axes.front();
      Index& part = reduced(i) ? folded.n : before ? folded.outer : folded.inner;
      part *= x.dim(i);
    }
    return folded;
  }
  // Axes with gaps between them are brought together first, at the end.
  Axes order;
  for (int i = 0; i < x.rank(); ++i)
    if (!reduced(i)) order.push_back(i), folded.outer *= x.dim(i);
  for (int i : axes) order.push_back(i), folded.n *= x.dim(i);
  folded.x = permute(x, order);
  return folded;
}

/// A run of numbers is summed as a balanced tree over blocks of this many: the rounding error grows
/// with the logarithm of the length.
constexpr Index kBlock = 1024;

template <class F>
Scalar pairwise_sum(const Scalar* x, Index n, const F& f) {
  if (n <= kBlock) return f(math::ConstRun(x, n)).sum();
  const Index half = (n / 2 + kBlock - 1) / kBlock * kBlock;
  return pairwise_sum(x, half, f) + pairwise_sum(x + half, n - half, f);
}

/// A block of a matrix: `rows` rows of `width` numbers, `pitch` apart. Beside it may stand one more
/// row, which every row is seen against.
struct Block {
  const Scalar* at;
  Index rows, width, pitch;
  const Scalar* beside;
  math::ConstRun row(Index i) const { return {at + i * pitch, width}; }
};

/// out[j] = sum over the rows of f(block[i, j], beside[j]).
template <class F>
struct SumOf {
  static void apply(const Block& block, Scalar* out) {
    if (block.pitch == 1) {
      const Scalar beside = block.beside ? *block.beside : 0;
      *out = pairwise_sum(block.at, block.rows,
                          [beside](const auto& run) { return F::apply(run, beside); });
      return;
    }
    std::fill_n(out, block.width, Scalar{0});
    Index i = 0;
    if (block.pitch == block.width && 2 * block.width <= kWide) {
      // Rows too narrow for the vector registers are summed several side by side, then folded.
      const Index side = kWide / block.width, wide = side * block.width;
      std::array<Scalar, kWide> sums{}, beside{};
      for (Index k = 0; block.beside && k < side; ++k)
        std::copy_n(block.beside, block.width, beside.data() + k * block.width);
      for (; i + side <= block.rows; i += side)
        math::Run(sums.data(), wide) += F::apply(math::ConstRun(block.at + i * block.pitch, wide),
                                                 math::ConstRun(beside.data(), wide));
      for (Index k = 0; k < side; ++k)
        math::Run(out, block.width) += math::ConstRun(sums.data() + k * block.width, block.width);
    }
    const math::ConstRun beside(block.beside, block.width);
    for (; i < block.rows; ++i) math::Run(out, block.width) += F::apply(block.row(i), beside);
  }
  static constexpr Index kWide = 128;
};

struct Itself {
  static auto apply(const auto& x, const auto&) { return x; }
};
struct SquaredDifference {
  static auto apply(const auto& x, const auto& mean) { return (x - mean).square(); }
};
/// A sum. By kNone, a number that changes nothing, and op(), an operation of registers, short rows
/// are reduced; Max has them too, and what has none does not take that path.
struct Sum : SumOf<Itself> {
  static constexpr Scalar kNone = 0;
  static auto op(const auto& a, const auto& b) { return a + b; }
};

/// The larger of two, lane by lane; a NaN on either side stays one.
template <class V>
V larger(const V& a, const V& b) {
  return ((b > a) | (b != b)) ? b : a;
}

/// The largest of n >= 1 numbers in a row; a NaN anywhere is.
Scalar largest(const Scalar* x, Index n) {
  constexpr int kLanes = simd::kLanes<Scalar>, kSide = 4;
  using V = simd::Vec<Scalar, kLanes>;
  Scalar best = x[0];
  Index i = 0;
  if (n >= kSide * kLanes) {
    // Several maxima side by side, because each comparison waits for the one before it.
    V bests[kSide];
    for (int k = 0; k < kSide; ++k) bests[k] = simd::load<V>(x + k * kLanes);
    for (i = kSide * kLanes; i + kSide * kLanes <= n; i += kSide * kLanes)
      for (int k = 0; k < kSide; ++k)
        bests[k] = larger(bests[k], simd::load<V>(x + i + k * kLanes));
    best = simd::fold(larger(larger(bests[0], bests[1]), larger(bests[2], bests[3])),
                      [](const auto& a, const auto& b) { return larger(a, b); });
  }
  for (; i < n; ++i) best = x[i] > best || x[i] != x[i] ? x[i] : best;
  return best;
}

/// out[j] = max over the rows of block[i, j].
struct Max {
  static constexpr Scalar kNone = -std::numeric_limits<Scalar>::infinity();
  static auto op(const auto& a, const auto& b) { return larger(a, b); }
  static void apply(const Block& block, Scalar* out) {
    if (block.pitch == 1) {
      *out = largest(block.at, block.rows);
      return;
    }
    math::Run result(out, block.width);
    result = block.row(0);
    for (Index i = 1; i < block.rows; ++i)
      result = math::max(math::ConstRun(out, block.width), block.row(i));
  }
};

/// Numbers one task of a reduction works through, and how many columns wide that is at most, so
/// that its row of results stays in the first-level cache.
constexpr Index kPart = 16 * 1024, kWidth = 1024;

/// Rows of at most kBlock numbers, many at a time (rows.h): x (rows, n) -> (rows). One at a time,
/// rows of 64 took twice as long, rows of ten five times.
template <class Fold>
Array reduce_short_rows(const Array& x, Index rows, Index n, const Shape& shape) {
  constexpr Index kRows = RowGroup::kRows;
  const RowShape row(n);
  Array result(shape);
  const Scalar* in = x.data();
  Scalar* out = result.data();
  const Index task = (kPart / n + kRows - 1) / kRows * kRows;
  parallel_chunks(rows, task, x.size(), [&, row](Index begin, Index end) {
    for (Index i = begin; i < end; i += kRows) {
      const auto numbers = reduce_rows(
          row, RowGroup(row, in + i * n, end - i), Fold::kNone,
          [](Index, const auto& v) { return v; },
          [](const auto& a, const auto& b) { return Fold::op(a, b); });
      std::copy_n(reinterpret_cast<const Scalar*>(&numbers), std::min(kRows, end - i), out + i);
    }
  });
  return result;
}

/// Cuts (n, inner) into blocks of a size that only the shape decides, reduces each to a row, and
/// reduces the rows of the blocks in their order, by `Rest` if that is another way than the first.
/// `beside`, if given, has the shape (outer, inner).
template <class First, class Rest = First>
Array reduce(const Folded& folded, const Shape& shape, const Scalar* beside = nullptr) {
  const auto& [x, outer, n, inner] = folded;
  if constexpr (requires { First::kNone; })
    if (inner == 1 && 0 < n && n <= kBlock && outer > 1)
      return reduce_short_rows<First>(x, outer, n, shape);
  const Index width = std::clamp<Index>(inner, 1, kWidth), least = kPart / width;
  const Index parts = sum_parts(std::max<Index>(1, (n + least - 1) / least));
  const Index length = std::max(least, (n + parts - 1) / parts);
  const Index stripes = (inner + width - 1) / width, blocks = outer * parts * stripes;
  const Index together = std::max<Index>(1, kPart * blocks / std::max<Index>(1, x.size()));
  Array partial(Shape{outer, parts, inner});
  const Scalar* in = x.data();
  Scalar* out = partial.data();
  parallel_chunks(blocks, together, x.size(), [&, n = n, inner = inner](Index first, Index last) {
    for (Index i = first; i < last; ++i) {
      const Index column = i % stripes * width, row = i / stripes;
      const Index o = row / parts, begin = row % parts * length;
      First::apply(
          {in + (o * n + begin) * inner + column, std::min(length, n - begin),
           std::min(width, inner - column), inner, beside ? beside + o * inner + column : nullptr},
          out + row * inner + column);
    }
  });
  if (parts == 1) return partial.reshape(shape);
  return reduce<Rest>({partial, outer, parts, inner}, shape);
}

}  // namespace

Array sum(const Array& x, const Axes& axes, bool keepdim) {
  const Axes chosen = normalize_axes("sum", x.shape(), axes);
  return reduce<Sum>(fold(x, chosen), reduced_shape(x.shape(), chosen, keepdim));
}

Array mean(const Array& x, const Axes& axes, bool keepdim) {
  Array total = sum(x, axes, keepdim);
  // Divided as integers: large counts are no exact floats.
  const auto count = static_cast<Scalar>(x.size() / std::max<Index>(total.size(), 1));
  return map(
      total.shape(), [count](const auto& run) { return run / count; }, total);
}

Array max(const Array& x, const Axes& axes, bool keepdim) {
  const Axes chosen = normalize_axes("max", x.shape(), axes);
  const Folded folded = fold(x, chosen);
  check(folded.n > 0, "max", x.shape(), ": there is no maximum of no elements");
  return reduce<Max>(folded, reduced_shape(x.shape(), chosen, keepdim));
}

IntArray argmax(const Array& x, const Axes& axes, bool keepdim) {
  const Axes chosen = normalize_axes("argmax", x.shape(), axes);
  const auto [folded, outer, n, inner] = fold(x, chosen);
  check(n > 0, "argmax", x.shape(), ": there is no maximum of no elements");
  check(n <= std::numeric_limits<std::int32_t>::max(), "argmax", x.shape(),
        ": positions of 2^31 and above");
  IntArray result(reduced_shape(x.shape(), chosen, keepdim));
  std::int32_t* out = result.data();
  const Scalar* in = folded.data();
  parallel_for(outer, x.size(), [&, n = n, inner = inner](Index o) {
    for (Index j = 0; j < inner; ++j) {
      const Scalar* column = in + o * n * inner + j;
      Index best = 0;
      for (Index i = 1; i < n; ++i) {
        const Scalar value = column[i * inner], champion = column[best * inner];
        if (value > champion || (value != value && champion == champion)) best = i;
      }
      out[o * inner + j] = static_cast<std::int32_t>(best);
    }
  });
  return result;
}

Array squared_distance(const Array& x, const Array& mean, const Axes& axes, bool keepdim) {
  const Axes chosen = normalize_axes("squared_distance", x.shape(), axes);
  const Folded folded = fold(x, chosen);
  check(mean.size() == folded.outer * folded.inner, "squared_distance", "mean ", mean.shape(),
        " for x ", x.shape());
  return reduce<SumOf<SquaredDifference>, Sum>(folded, reduced_shape(x.shape(), chosen, keepdim),
                                               mean.data());
}

Scalar mean_squared_error(const Array& x, const Array& target) {
  check(x.shape() == target.shape(), "mean_squared_error", x.shape(), " against ", target.shape());
  Array partial(Shape{(x.size() + kPart - 1) / kPart});
  const Scalar *in = x.data(), *other = target.data();
  Scalar* out = partial.data();
  parallel_chunks(x.size(), kPart, x.size(), [&](Index begin, Index end) {
    out[begin / kPart] = pairwise_sum(in + begin, end - begin, [&](const auto& run) {
      return (run - math::ConstRun(other + (run.data() - in), run.size())).square();
    });
  });
  return sum(partial).item() / static_cast<Scalar>(x.size());
}

double norm(const Array& x) {
  double square = 0;
  for (const Scalar v : x.values()) square += double{v} * double{v};
  return std::sqrt(square);
}

Array sum_to(const Array& x, const Shape& shape) {
  Axes grown;
  const int extra = x.rank() - shape.rank();
  for (int i = 0; i < x.rank(); ++i)
    if (i < extra || (shape[i - extra] == 1 && x.dim(i) != 1)) grown.push_back(i);
  check(extra >= 0, "sum_to", x.shape(), " does not come from ", shape);
  if (grown.empty()) return x.reshape(shape);
  return sum(x, grown).reshape(shape);
}

}  // namespace kindling::kernels
