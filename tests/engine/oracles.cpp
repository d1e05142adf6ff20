#include "tests/engine/oracles.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace kindling::test {

namespace {

/// Where an operand is read for a position of the broadcast result.
double read_broadcast(const Plain& x, const Position& position) {
  const auto skip = position.size() - static_cast<std::size_t>(x.shape.rank());
  Position at(position.begin() + static_cast<std::ptrdiff_t>(skip), position.end());
  for (int axis = 0; axis < x.shape.rank(); ++axis)
    if (x.shape[axis] == 1) at[static_cast<std::size_t>(axis)] = 0;
  return x.at(at);
}

Shape broadcast_shape(const Shape& a, const Shape& b) {
  std::vector<Index> dims;
  for (int i = std::max(a.rank(), b.rank()); i >= 1; --i) {
    const Index da = i <= a.rank() ? a[-i] : 1, db = i <= b.rank() ? b[-i] : 1;
    dims.push_back(da == 1 ? db : da);
  }
  return Shape(std::span<const Index>(dims));
}

}  // namespace

Plain broadcast_oracle(const std::function<double(double, double)>& f, const Plain& a,
                       const Plain& b) {
  return build(broadcast_shape(a.shape, b.shape),
               [&](const Position& p) { return f(read_broadcast(a, p), read_broadcast(b, p)); });
}

Plain reduce_oracle(const Reducer& f, const Plain& x, const Axes& axes, bool keepdim) {
  std::vector<bool> reduced(static_cast<std::size_t>(x.shape.rank()), axes.empty());
  for (const int axis : axes)
    reduced[static_cast<std::size_t>(axis < 0 ? axis + x.shape.rank() : axis)] = true;
  std::vector<Index> dims;
  for (std::size_t i = 0; i < reduced.size(); ++i)
    if (!reduced[i] || keepdim) dims.push_back(reduced[i] ? 1 : x.shape[static_cast<int>(i)]);
  const Shape shape{std::span<const Index>(dims)};
  std::vector<std::vector<double>> groups(static_cast<std::size_t>(shape.size()));
  Plain result{shape, {}};
  each_position(x.shape, [&](const Position& p) {
    Position at;
    for (std::size_t i = 0; i < reduced.size(); ++i)
      if (!reduced[i] || keepdim) at.push_back(reduced[i] ? 0 : p[i]);
    groups[result.flat(at)].push_back(x.at(p));
  });
  for (const auto& group : groups) result.values.push_back(f(group));
  return result;
}

Plain matmul_oracle(const Plain& a, const Plain& b, kernels::Trans trans) {
  const bool ta = trans == kernels::Trans::left || trans == kernels::Trans::both;
  const bool tb = trans == kernels::Trans::right || trans == kernels::Trans::both;
  const auto batch = [](const Shape& s) { return Shape(s.dims().subspan(0, s.dims().size() - 2)); };
  const Shape front = broadcast_shape(batch(a.shape), batch(b.shape));
  std::vector<Index> dims(front.begin(), front.end());
  const Index inner = a.shape[ta ? -2 : -1];
  dims.push_back(a.shape[ta ? -1 : -2]);
  dims.push_back(b.shape[tb ? -2 : -1]);
  return build(Shape(std::span<const Index>(dims)), [&](const Position& p) {
    const Index row = p[p.size() - 2], column = p[p.size() - 1];
    // The position in an operand: its batch axes, broadcast, and the two of its matrix.
    const auto read = [&](const Plain& x, Index i, Index j) {
      Position at;
      const std::size_t axes = static_cast<std::size_t>(x.shape.rank()) - 2;
      for (std::size_t axis = 0; axis < axes; ++axis) {
        const Index index = p[p.size() - 2 - axes + axis];
        at.push_back(x.shape[static_cast<int>(axis)] == 1 ? 0 : index);
      }
      at.push_back(i);
      at.push_back(j);
      return x.at(at);
    };
    double sum = 0;
    for (Index k = 0; k < inner; ++k)
      sum +=
          (ta ? read(a, k, row) : read(a, row, k)) * (tb ? read(b, column, k) : read(b, k, column));
    return sum;
  });
}

Shape conv_shape(const Shape& x, const Shape& w, Pair stride, Pair padding) {
  return {x[0], (x[1] + 2 * padding.h - w[0]) / stride.h + 1,
          (x[2] + 2 * padding.w - w[1]) / stride.w + 1, w[3]};
}

Plain conv_oracle(const Plain& x, const Plain& w, const Plain* bias, Pair stride, Pair padding) {
  Plain y = build(conv_shape(x.shape, w.shape, stride, padding), [&](const Position& p) {
    return bias ? bias->values[static_cast<std::size_t>(p[3])] : 0;
  });
  each_tap(x.shape, w.shape, stride, padding, [&](std::size_t i, std::size_t j, std::size_t k) {
    y.values[k] += x.values[i] * w.values[j];
  });
  return y;
}

namespace {

/// How many windows lie inside the padded image; with ceil_mode one more if they do not reach its
/// end, unless that one would begin beyond the image (PyTorch's rule).
Index pooled(Index in, Index kernel, Index stride, Index padding, bool ceil_mode) {
  Index out = 0, start = -padding;
  for (; start + kernel <= in + padding; start += stride) ++out;
  const bool reached = start - stride + kernel == in + padding;
  return out + (ceil_mode && !reached && start < in);
}

/// The elements of each window, and how many cells it has with the padding counted.
Plain pool_oracle(const Plain& x, const PoolSettings& s,
                  const std::function<double(const std::vector<double>&, Index)>& f) {
  const Shape shape{
      x.shape[0], pooled(x.shape[1], s.kernel.h, s.stride.h, s.padding.h, s.ceil_mode),
      pooled(x.shape[2], s.kernel.w, s.stride.w, s.padding.w, s.ceil_mode), x.shape[3]};
  return build(shape, [&](const Position& p) {
    std::vector<double> window;
    Index cells = 0;
    for (Index kh = 0; kh < s.kernel.h; ++kh)
      for (Index kw = 0; kw < s.kernel.w; ++kw) {
        const Index ih = p[1] * s.stride.h + kh - s.padding.h;
        const Index iw = p[2] * s.stride.w + kw - s.padding.w;
        cells += ih < x.shape[1] + s.padding.h && iw < x.shape[2] + s.padding.w;
        if (ih < 0 || iw < 0 || ih >= x.shape[1] || iw >= x.shape[2]) continue;
        window.push_back(x.at({p[0], ih, iw, p[3]}));
      }
    return f(window, cells);
  });
}

}  // namespace

Plain max_pool_oracle(const Plain& x, const PoolSettings& pool) {
  return pool_oracle(x, pool, [](const std::vector<double>& window, Index) {
    return *std::max_element(window.begin(), window.end());
  });
}

Plain avg_pool_oracle(const Plain& x, const PoolSettings& pool) {
  return pool_oracle(x, pool, [&](const std::vector<double>& window, Index cells) {
    double sum = 0;
    for (const double value : window) sum += value;
    return sum /
           static_cast<double>(pool.count_padding ? cells : static_cast<Index>(window.size()));
  });
}

Plain log_softmax_oracle(const Plain& x) {
  return build(x.shape, [&](Position p) {
    const double value = x.at(p);
    double sum = 0;
    for (p.back() = 0; p.back() < x.shape[-1]; ++p.back()) sum += std::exp(x.at(p) - value);
    return -std::log(sum);
  });
}

double cross_entropy_oracle(const Plain& scores, const std::vector<int>& targets,
                            double smoothing) {
  const Plain log_p = log_softmax_oracle(scores);
  const Index rows = scores.shape[0], classes = scores.shape[1];
  double total = 0;
  for (Index i = 0; i < rows; ++i)
    for (Index c = 0; c < classes; ++c) {
      const double hit = c == targets[static_cast<std::size_t>(i)] ? 1 - smoothing : 0;
      total -= (hit + smoothing / static_cast<double>(classes)) * log_p.at({i, c});
    }
  return total / static_cast<double>(rows);
}

}  // namespace kindling::test
