#include "engine/kernels/reduce.h"

#include <algorithm>
#include <limits>

#include "engine/error.h"
#include "engine/kernels/elementwise.h"
#include "engine/kernels/layout.h"

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
    for (int i = 0; i < x.rank(); ++i)
      (reduced(i)                          ? folded.n
       : !axes.empty() && i < axes.front() ? folded.outer
                                           : folded.inner) *= x.dim(i);
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

Scalar pairwise_sum(const Scalar* x, Index n) {
  if (n <= kBlock) return math::ConstRun(x, n).sum();
  const Index half = (n / 2 + kBlock - 1) / kBlock * kBlock;
  return pairwise_sum(x, half) + pairwise_sum(x + half, n - half);
}

/// out[j] = sum over rows of x[row, j].
struct Sum {
  static void rows(const Scalar* x, Index n, Index inner, Scalar* out) {
    if (inner == 1) {
      *out = n ? pairwise_sum(x, n) : 0;
      return;
    }
    std::fill_n(out, inner, Scalar{0});
    for (Index i = 0; i < n; ++i) math::Run(out, inner) += math::ConstRun(x + i * inner, inner);
  }
};

struct Max {
  static void rows(const Scalar* x, Index n, Index inner, Scalar* out) {
    std::fill_n(out, inner, -std::numeric_limits<Scalar>::infinity());
    if (inner == 1) {
      *out = math::ConstRun(x, n).maxCoeff<Eigen::PropagateNaN>();
      return;
    }
    for (Index i = 0; i < n; ++i)
      math::Run(out, inner) =
          math::max(math::ConstRun(out, inner), math::ConstRun(x + i * inner, inner));
  }
};

/// Numbers one task of a reduction works through before its partial result stands.
constexpr Index kPart = 16 * 1024;

/// Cuts n into parts of a length that only the shape decides, reduces each to a partial row, and
/// reduces the partial rows in their order.
template <class Reduction>
Array reduce(const Folded& folded, const Shape& shape) {
  const auto& [x, outer, n, inner] = folded;
  const Index length = std::max<Index>(1, kPart / std::max<Index>(inner, 1));
  const Index parts = std::max<Index>(1, (n + length - 1) / length);
  Array partial(Shape{outer, parts, inner});
  const Scalar* in = x.data();
  Scalar* out = partial.data();
  parallel_for(outer * parts, x.size(), [&, n = n, inner = inner](Index task) {
    const Index o = task / parts, begin = task % parts * length;
    Reduction::rows(in + (o * n + begin) * inner, std::min(length, n - begin), inner,
                    out + task * inner);
  });
  if (parts == 1) return partial.reshape(shape);
  return reduce<Reduction>({partial, outer, parts, inner}, shape);
}

}  // namespace

Array sum(const Array& x, const Axes& axes, bool keepdim) {
  const Axes chosen = normalize_axes("sum", x.shape(), axes);
  return reduce<Sum>(fold(x, chosen), reduced_shape(x.shape(), chosen, keepdim));
}

Array mean(const Array& x, const Axes& axes, bool keepdim) {
  Array total = sum(x, axes, keepdim);
  const Scalar count = static_cast<Scalar>(x.size()) / static_cast<Scalar>(total.size());
  return map(
      total.shape(), [count](const auto& run) { return run / count; }, total);
}

Array max(const Array& x, const Axes& axes, bool keepdim) {
  const Axes chosen = normalize_axes("max", x.shape(), axes);
  const Folded folded = fold(x, chosen);
  check(folded.n > 0, "max", x.shape(), ": there is no maximum of no elements");
  return reduce<Max>(folded, reduced_shape(x.shape(), chosen, keepdim));
}

IntArray argmax(const Array& x, int axis, bool keepdim) {
  const Axes chosen = normalize_axes("argmax", x.shape(), {axis});
  const auto [folded, outer, n, inner] = fold(x, chosen);
  check(n > 0, "argmax", x.shape(), ": there is no maximum of no elements");
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
  const auto squared = [](const auto& a, const auto& m) { return (a - m).square(); };
  return sum(map(x.shape(), squared, x, mean), axes, keepdim);
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
