#include "engine/kernels/norm.h"

#include <vector>

#include "engine/kernels/scratch.h"
#include "engine/kernels/stream.h"
#include "engine/kernels/walk.h"

// x is read in chunks that fit the first-level cache (walk.h), each task one:
//
//     x   | chunk 0 | chunk 1 | ...      (rows, C), narrow rows side by side
//          mean, M2  mean, M2            M2 = sum of squared distances from the chunk's own mean
//               \     /
//               channels                 combined in the order of the chunks, in double
//
// A chunk is read twice, the second time from the cache: memory is read once, and no large number
// is ever subtracted from another one (Chan, Golub and LeVeque, "Updating formulae and a pairwise
// algorithm for computing sample variances", 1979).

namespace kindling::kernels {

namespace {

Array to_array(const RecycledVector<double>& numbers) {
  Array array(Shape{static_cast<Index>(numbers.size())});
  std::copy(numbers.begin(), numbers.end(), array.data());
  return array;
}

/// Adds up row after row of partial (chunks, 2, C), in double: part 0 or 1.
Array total(const Array& partial, Index part) {
  const Index c = partial.dim(2);
  RecycledVector<double> sums(static_cast<std::size_t>(c));
  for (Index k = 0; k < partial.dim(0); ++k)
    for (Index j = 0; j < c; ++j)
      sums[static_cast<std::size_t>(j)] += std::as_const(partial).data()[(2 * k + part) * c + j];
  return to_array(sums);
}

/// The moments of all rows from those of the chunks: partial (chunks, 2, C) holds mean and M2.
Moments combine(const Array& partial, const ChannelWalk& walk) {
  const Index c = walk.channels;
  const double n = static_cast<double>(walk.rows);
  RecycledVector<double> mean(static_cast<std::size_t>(c)), m2(mean);
  const auto each = [&](const auto& add) {
    for (Index k = 0; k < walk.chunks(); ++k) {
      const Scalar *means = partial.data() + 2 * k * c, *squares = means + c;
      for (Index j = 0; j < c; ++j)
        add(static_cast<std::size_t>(j), static_cast<double>(walk.rows_in(k)), means[j],
            squares[j]);
    }
  };
  each([&](std::size_t j, double rows, double m, double) { mean[j] += rows / n * m; });
  each([&](std::size_t j, double rows, double m, double squares) {
    m2[j] += squares + rows * (m - mean[j]) * (m - mean[j]);
  });
  for (double& square : m2) square /= n;
  return {to_array(mean), to_array(m2)};
}

}  // namespace

Moments moments(const Array& x) {
  const ChannelWalk walk(x.shape());
  Array partial(Shape{walk.chunks(), 2, walk.channels});
  const Scratch scratch(2 * walk.width);  // two patterns
  const Scalar* in = x.data();
  Scalar* out = partial.data();
  walk.each_chunk([&](Index k, Index begin, Index end) {
    Scalar *sum = scratch.mine(), *mean = sum + walk.width;
    Scalar *means = out + 2 * k * walk.channels, *squares = means + walk.channels;
    std::fill_n(sum, walk.width, Scalar{0});
    walk.walk_pattern(begin, end, [=](auto lanes, Index i, Index j) {
      using V = decltype(lanes);
      simd::store(sum + j, simd::load<V>(sum + j) + simd::load<V>(in + i));
    });
    walk.fold(sum, means);
    const Scalar rows = static_cast<Scalar>(walk.rows_in(k));
    for (Index c = 0; c < walk.channels; ++c) means[c] /= rows;
    walk.repeat(means, mean);
    std::fill_n(sum, walk.width, Scalar{0});
    walk.walk_pattern(begin, end, [=](auto lanes, Index i, Index j) {
      using V = decltype(lanes);
      const V d = simd::load<V>(in + i) - simd::load<V>(mean + j);
      simd::store(sum + j, simd::load<V>(sum + j) + d * d);
    });
    walk.fold(sum, squares);
  });
  return combine(partial, walk);
}

namespace {

/// Numbers per channel as a pattern, to be read a register at a time.
struct Pattern {
  const Scalar* numbers;
  template <class V>
  V at(Index j) const {
    return simd::load<V>(numbers + j);
  }
};

struct AffinePattern {
  Pattern scale, shift;
  template <class V>
  V z(const V& x, Index j) const {
    return scale.at<V>(j) * x + shift.at<V>(j);
  }
};

/// Holds what patterns point to.
class Patterns {
 public:
  explicit Patterns(const ChannelWalk& walk) : walk_(walk) {}
  Pattern operator()(const Array& per_channel) {
    held_.push_back(walk_.pattern(per_channel));
    return {std::as_const(held_.back()).data()};
  }
  AffinePattern operator()(const Affine& a) { return {(*this)(a.scale), (*this)(a.shift)}; }

 private:
  const ChannelWalk& walk_;
  RecycledVector<Array> held_;
};

/// One pass: the sums of dz and of dz (x - mean). dz(i) is a function, which captures by value too.
template <class Dz>
NormSums sums(const ChannelWalk& walk, const Array& x, const Array& mean, const Dz& dz) {
  Array partial(Shape{walk.chunks(), 2, walk.channels});
  const Scratch scratch(2 * walk.width);  // two patterns
  Patterns patterns(walk);
  const Pattern means = patterns(mean);
  const Scalar* in = x.data();
  Scalar* out = partial.data();
  walk.each_chunk([&](Index k, Index begin, Index end) {
    Scalar *sum = scratch.mine(), *sum_x = sum + walk.width;
    std::fill_n(sum, 2 * walk.width, Scalar{0});
    walk.walk_pattern(begin, end, [=](auto lanes, Index i, Index j) {
      using V = decltype(lanes);
      const V v = simd::load<V>(in + i), d = dz(lanes, i);
      simd::store(sum + j, simd::load<V>(sum + j) + d);
      simd::store(sum_x + j, simd::load<V>(sum_x + j) + d * (v - means.at<V>(j)));
    });
    walk.fold(sum, out + 2 * k * walk.channels);
    walk.fold(sum_x, out + (2 * k + 1) * walk.channels);
  });
  return {total(partial, 0), total(partial, 1)};
}

}  // namespace

Array affine(const Array& x, const Affine& a, const Array& residual, const Activation& f) {
  const ChannelWalk walk(x.shape());
  Patterns patterns(walk);
  const AffinePattern pattern = patterns(a);
  const Scalar *in = x.data(), *more = residual.defined() ? residual.data() : nullptr;
  Array y(x.shape());
  Scalar* out = y.data();
  const bool around = goes_around(y.size()) && walk.width % simd::kLanes<Scalar> == 0;
  std::visit(
      [&](const auto& formula) {
        walk.each_chunk([&](Index, Index begin, Index end) {
          with_put(around, [&](auto put) {
            walk.walk_pattern(begin, end, [=](auto lanes, Index i, Index j) {
              using V = decltype(lanes);
              V z = pattern.z(simd::load<V>(in + i), j);
              if (more) z = z + simd::load<V>(more + i);
              put(out + i, formula.forward(z));
            });
          });
        });
      },
      f);
  return y;
}

NormSums norm_sums(const Array& dz, const Array& x, const Array& mean) {
  const Scalar* in = dz.data();
  return sums(ChannelWalk(x.shape()), x, mean,
              [=](auto lanes, Index i) { return simd::load<decltype(lanes)>(in + i); });
}

NormSums norm_sums(Array& dy, const Array& y, const Activation& f, const Array& x,
                   const Array& mean) {
  const Scalar *in = std::as_const(dy).data(), *result = y.data();
  Array dz = room_of(std::move(dy));
  Scalar* out = dz.data();
  const auto with = [&](const auto& formula) {
    return sums(ChannelWalk(x.shape()), x, mean, [=](auto lanes, Index i) {
      using V = decltype(lanes);
      const V d = formula.backward(simd::load<V>(result + i), simd::load<V>(in + i));
      simd::store(out + i, d);
      return d;
    });
  };
  const NormSums both = std::visit(with, f);
  dy = std::move(dz);
  return both;
}

Array norm_dx(Array&& dz, const Array& x, const NormGradient& gradient) {
  const ChannelWalk walk(x.shape());
  Patterns patterns(walk);
  const Pattern a = patterns(gradient.a), b = patterns(gradient.b), c = patterns(gradient.c);
  const Scalar *d = std::as_const(dz).data(), *in = x.data();
  Array dx = room_of(std::move(dz));
  Scalar* out = dx.data();
  walk.each_chunk([&](Index, Index begin, Index end) {
    walk.walk_pattern(begin, end, [=](auto lanes, Index i, Index j) {
      using V = decltype(lanes);
      const V rest = b.at<V>(j) * simd::load<V>(in + i) + c.at<V>(j);
      simd::store(out + i, a.at<V>(j) * simd::load<V>(d + i) + rest);
    });
  });
  return dx;
}

}  // namespace kindling::kernels
