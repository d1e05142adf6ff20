#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "engine/engine.h"
#include "tests/support/plain.h"

// Pooling cuts rows of windows and channels into registers in several ways. Here every way meets a
// plain loop: all numbers of channels around a register's, windows that tile the image, overlap,
// leave gaps and hang over the edge, and more cells than a byte can count.

namespace kindling::test {

namespace {

struct Settings {
  Pair kernel, stride, padding;
  bool ceil_mode;
};

std::string name(const Shape& x, const Settings& s) {
  return str(x, ", kernel ", s.kernel, ", stride ", s.stride, ", padding ", s.padding,
             s.ceil_mode ? ", ceil" : "");
}

/// Calls f(output, the inputs in its window, cells with the padding) one window after the other.
template <class F>
void each_window(const Shape& x, const Shape& y, const Settings& s, const F& f) {
  for (Index i = 0; i < y.size(); ++i) {
    const Index c = i % y[3], ow = i / y[3] % y[2], oh = i / y[3] / y[2] % y[1],
                n = i / y[3] / y[2] / y[1];
    std::vector<Index> inputs;
    Index cells = 0;
    for (Index kh = 0; kh < s.kernel.h; ++kh)
      for (Index kw = 0; kw < s.kernel.w; ++kw) {
        const Index ih = oh * s.stride.h + kh - s.padding.h;
        const Index iw = ow * s.stride.w + kw - s.padding.w;
        cells += ih < x[1] + s.padding.h && iw < x[2] + s.padding.w;
        if (ih >= 0 && ih < x[1] && iw >= 0 && iw < x[2])
          inputs.push_back(((n * x[1] + ih) * x[2] + iw) * x[3] + c);
      }
    f(i, inputs, cells);
  }
}

/// The first of the largest; a NaN is larger than all.
Index largest(const Array& x, const std::vector<Index>& inputs) {
  Index best = inputs[0];
  for (const Index i : inputs)
    if (!std::isnan(x[best]) && (std::isnan(x[i]) || x[i] > x[best])) best = i;
  return best;
}

/// Small whole numbers: many are equal, sums are exact, and now and then there is none.
Array numbers(const Shape& shape, bool nan) {
  Array x = Random(7).uniform(shape, -4, 4);
  Scalar* p = x.data();
  for (Index i = 0; i < x.size(); ++i)
    p[i] = nan && i % 11 == 3 ? std::numeric_limits<Scalar>::quiet_NaN() : std::round(p[i]);
  return x;
}

void check_max(const Shape& shape, const Settings& s) {
  const Tensor x(numbers(shape, true), true);
  const Tensor y = max_pool2d(x, s.kernel, s.stride, s.padding, s.ceil_mode);
  const Array dy = numbers(y.shape(), false);
  y.backward(Array(dy));
  Array dx(shape, Scalar{0});
  Index wrong = 0;
  each_window(shape, y.shape(), s, [&](Index o, const std::vector<Index>& inputs, Index) {
    const Index from = largest(x.value(), inputs);
    const Scalar is = y.value()[o], should = x.value()[from];
    wrong += !(is == should || (std::isnan(is) && std::isnan(should)));
    dx.data()[from] += dy[o];
  });
  for (Index i = 0; i < dx.size(); ++i) wrong += x.grad()[i] != dx[i];
  CHECK_EQ(wrong, 0);
}

void check_avg(const Shape& shape, const Settings& s, bool count_padding) {
  const Tensor x(numbers(shape, false), true);
  const Tensor y = avg_pool2d(x, s.kernel, s.stride, s.padding, s.ceil_mode, count_padding);
  const Array dy = numbers(y.shape(), false);
  y.backward(Array(dy));
  std::vector<double> dx(static_cast<std::size_t>(shape.size()));
  Index wrong = 0;
  const auto compare = [&](double is, double should) {
    wrong += !(std::abs(is - should) <= 1e-5 * (1 + std::abs(should)));
  };
  each_window(shape, y.shape(), s, [&](Index o, const std::vector<Index>& inputs, Index cells) {
    const double count = static_cast<double>(count_padding ? cells : std::ssize(inputs));
    double sum = 0;
    for (const Index i : inputs) {
      sum += x.value()[i];
      dx[static_cast<std::size_t>(i)] += dy[o] / count;
    }
    compare(y.value()[o], sum / count);
  });
  for (Index i = 0; i < shape.size(); ++i) compare(x.grad()[i], dx[static_cast<std::size_t>(i)]);
  CHECK_EQ(wrong, 0);
}

void check_all(const Shape& shape, const Settings& s) {
  CAPTURE(name(shape, s));
  check_max(shape, s);
  check_avg(shape, s, true);
  check_avg(shape, s, false);
}

}  // namespace

TEST_CASE("pooling is the plain loop for any number of channels") {
  for (const Index c : {1, 2, 3, 4, 5, 7, 8, 9, 10, 15, 16, 17, 24, 31, 33, 64})
    for (const Settings& s : {Settings{2, 2, 0, false}, Settings{2, 2, 0, true},
                              Settings{3, 2, 1, false}, Settings{{3, 2}, {1, 2}, {1, 1}, true}})
      check_all({2, 5, 11, c}, s);
}

TEST_CASE("pooling is the plain loop for rows of any length") {
  for (const Index c : {1, 2, 4, 6})
    for (Index w = 2; w < 70; w += w < 36 ? 1 : 11)
      for (const Settings& s :
           {Settings{2, 2, 0, false}, Settings{2, 2, 0, true}, Settings{2, 2, 1, true}})
        check_all({1, 4, w, c}, s);
}

TEST_CASE("pooling is the plain loop where windows overlap, leave gaps and hang over") {
  for (const Index c : {1, 3, 20})
    for (const Settings& s :
         {Settings{3, 3, 0, true}, Settings{3, 3, 1, true}, Settings{4, 4, 2, false},
          Settings{{1, 2}, {1, 2}, 0, true}, Settings{{2, 1}, {2, 1}, 0, false},
          Settings{2, 1, 0, false}, Settings{2, 1, 1, false}, Settings{5, 1, 2, false},
          Settings{5, 2, 2, true}, Settings{2, 3, 0, true}, Settings{1, 4, 0, false},
          Settings{1, 2, 0, true}, Settings{{2, 5}, {3, 2}, {1, 0}, true}})
      for (const Shape& shape : {Shape{2, 6, 6, c}, Shape{1, 7, 5, c}, Shape{1, 5, 13, c}})
        check_all(shape, s);
}

TEST_CASE("windows may lie as far apart as an index reaches") {
  Tensor x(Random(1).uniform({1, 4, 4, 1}), true);
  for (const Index far : {Index{1} << 30, Index{1} << 62}) {
    x.zero_grad();
    (max_pool2d(x, 2, far) + avg_pool2d(x, 2, far) * 4).backward(Array({1, 1, 1, 1}, {1}));
    for (Index i = 0; i < 16; ++i) {
      const bool inside = i % 4 < 2 && i / 4 < 2;
      const bool largest = inside && x.value()[i] == max_pool2d(x, 2, far).item();
      CHECK_EQ(x.grad()[i], inside + largest);
    }
    CHECK_EQ(max_pool2d(x, 2, far).shape(), Shape{1, 1, 1, 1});
    const auto at = [&](Index i) { return x.value()[i]; };
    CHECK_EQ(max_pool2d(x, 2, far).item(), std::max({at(0), at(1), at(4), at(5)}));
    CHECK(avg_pool2d(x, 2, far).item() ==
          doctest::Approx((at(0) + at(1) + at(4) + at(5)) / 4).epsilon(1e-6));
  }
}

TEST_CASE("a window may have more cells than a byte counts") {
  for (const Pair kernel : {Pair{16, 16}, Pair{16, 17}, Pair{20, 15}})
    check_all({1, 24, 23, 3}, {kernel, 4, {8, 7}, true});
}

}  // namespace kindling::test
