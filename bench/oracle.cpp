#include "bench/oracle.h"

#include <algorithm>
#include <cmath>

#include "engine/random.h"

namespace kindling::bench {

namespace {

/// Of `outputs` elements, each a sum of `terms`, as many as take about a tenth of a second: all, or
/// a sample that holds the first and the last.
std::vector<Index> sample(Index outputs, Index terms) {
  const Index affordable = std::clamp<Index>(20'000'000 / std::max<Index>(terms, 1), 40, 4000);
  std::vector<Index> at;
  if (outputs <= affordable) {
    for (Index i = 0; i < outputs; ++i) at.push_back(i);
    return at;
  }
  Random random(7);
  at = {0, outputs - 1};
  for (Index i = 0; i < std::min<Index>(affordable, 200); ++i)
    at.push_back(static_cast<Index>(random.bits() % static_cast<std::uint64_t>(outputs)));
  return at;
}

/// A sum and how far off a sum in float may be: rounding errors grow with the size of the terms,
/// not with that of the result.
struct Sum {
  double value = 0, size = 0;
  void add(double a, double b) { value += a * b, size += std::abs(a * b); }
  void expect(Expected& expected, Index at) const { expected.add(at, value, 2e-6 * size + 1e-7); }
};

}  // namespace

Expected expected_matmul(const Matmul& p) {
  Expected expected;
  for (const Index at : sample(p.n * p.m, p.k)) {
    const Index i = at / p.m, j = at % p.m;
    Sum sum;
    for (Index l = 0; l < p.k; ++l)
      sum.add(p.left() ? p.a[l * p.n + i] : p.a[i * p.k + l],
              p.right() ? p.b[j * p.k + l] : p.b[l * p.m + j]);
    sum.expect(expected, at);
  }
  return expected;
}

namespace {

/// Where the elements of a convolution lie.
struct Places {
  const Conv& p;
  Index size = p.layer.size, out = p.layer.out_size(), c = p.layer.in, m = p.layer.out,
        k = p.layer.kernel, s = p.layer.stride, pad = k / 2;

  bool inside(Index ih, Index iw) const { return ih >= 0 && iw >= 0 && ih < size && iw < size; }
  double x(Index n, Index ih, Index iw, Index ic) const {
    return p.x[((n * size + ih) * size + iw) * c + ic];
  }
  double w(Index kh, Index kw, Index ic, Index im) const {
    return p.w[((kh * k + kw) * c + ic) * m + im];
  }
  double dy(Index n, Index oh, Index ow, Index im) const {
    return p.dy[((n * out + oh) * out + ow) * m + im];
  }
};

Sum forward_sum(const Places& l, Index at) {
  const Index m = at % l.m, ow = at / l.m % l.out, oh = at / l.m / l.out % l.out,
              n = at / l.m / l.out / l.out;
  Sum sum;
  for (Index kh = 0; kh < l.k; ++kh)
    for (Index kw = 0; kw < l.k; ++kw) {
      const Index ih = oh * l.s + kh - l.pad, iw = ow * l.s + kw - l.pad;
      if (!l.inside(ih, iw)) continue;
      for (Index c = 0; c < l.c; ++c) sum.add(l.x(n, ih, iw, c), l.w(kh, kw, c, m));
    }
  return sum;
}

Sum dx_sum(const Places& l, Index at) {
  const Index c = at % l.c, iw = at / l.c % l.size, ih = at / l.c / l.size % l.size,
              n = at / l.c / l.size / l.size;
  Sum sum;
  for (Index kh = 0; kh < l.k; ++kh)
    for (Index kw = 0; kw < l.k; ++kw) {
      const Index h = ih + l.pad - kh, w = iw + l.pad - kw;  // oh * s, ow * s
      if (h < 0 || w < 0 || h % l.s || w % l.s || h / l.s >= l.out || w / l.s >= l.out) continue;
      for (Index m = 0; m < l.m; ++m) sum.add(l.dy(n, h / l.s, w / l.s, m), l.w(kh, kw, c, m));
    }
  return sum;
}

Sum dw_sum(const Places& l, Index at) {
  const Index m = at % l.m, c = at / l.m % l.c, kw = at / l.m / l.c % l.k,
              kh = at / l.m / l.c / l.k;
  Sum sum;
  for (Index n = 0; n < l.p.batch; ++n)
    for (Index oh = 0; oh < l.out; ++oh)
      for (Index ow = 0; ow < l.out; ++ow) {
        const Index ih = oh * l.s + kh - l.pad, iw = ow * l.s + kw - l.pad;
        if (l.inside(ih, iw)) sum.add(l.x(n, ih, iw, c), l.dy(n, oh, ow, m));
      }
  return sum;
}

}  // namespace

Expected expected_conv(const Conv& p, Pass pass) {
  const Places places{p};
  const ConvLayer& l = p.layer;
  const Index window = l.kernel * l.kernel, outputs = p.dy.size();
  Expected expected;
  const auto fill = [&](Index n, Index terms, auto sum) {
    for (const Index at : sample(n, terms)) sum(places, at).expect(expected, at);
  };
  if (pass == Pass::forward) fill(outputs, window * l.in, forward_sum);
  if (pass == Pass::dx) fill(p.x.size(), window * l.out, dx_sum);
  if (pass == Pass::dw) fill(p.w.size(), outputs / l.out, dw_sum);
  return expected;
}

Expected expected_each(Index n, const std::function<double(Index)>& f, double slack) {
  Expected expected;
  for (const Index at : sample(n, 1)) {
    const double value = f(at);
    expected.add(at, value, slack * (1 + std::abs(value)));
  }
  return expected;
}

}  // namespace kindling::bench
