#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "tests/engine/oracles.h"
#include "tests/support/errors.h"
#include "tests/support/gradcheck.h"
#include "tests/support/plain.h"

// Whole numbers, small enough that no sum is rounded: a convolution must then be exact, to the last
// bit, in any order of summation and in any precision.

namespace kindling::test {

namespace {

struct Setting {
  Shape x, w;
  Pair stride = 1, padding = 0;
  bool bias = false;
  std::string text() const {
    return str("x ", x, " w ", w, " stride ", stride, " padding ", padding, bias ? " bias" : "");
  }
};

Index pick(Random& random, Index low, Index high) {
  return low + static_cast<Index>(random.bits() % static_cast<std::uint64_t>(high - low + 1));
}
Index pick(Random& random, const std::vector<Index>& of) {
  return of[static_cast<std::size_t>(pick(random, 0, static_cast<Index>(of.size()) - 1))];
}

/// Small enough for the naive loops: up to 100,000 products.
Setting draw_setting(Random& random) {
  const std::vector<Index> channels{1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 64, 67};
  for (;;) {
    Setting s;
    const Index kh = pick(random, 1, 7), kw = pick(random, 1, 7);
    s.padding = {pick(random, 0, 3), pick(random, 0, 3)};
    s.stride = {pick(random, 1, 3), pick(random, 1, 3)};
    s.x = {pick(random, 1, 9), pick(random, 1, 13), pick(random, 1, 13), pick(random, channels)};
    s.w = {kh, kw, s.x[3], pick(random, channels)};
    s.bias = pick(random, 0, 1) == 1;
    if (s.x[1] + 2 * s.padding.h < kh || s.x[2] + 2 * s.padding.w < kw) continue;
    const Index products = conv_shape(s.x, s.w, s.stride, s.padding).size() * kh * kw * s.x[3];
    if (products <= 100'000) return s;
  }
}

/// y, dx, dw and db of one convolution by loops.
struct Expected {
  Plain y, dx, dw, db;
  Expected(const Plain& x, const Plain& w, const Plain& b, const Plain& dy, const Setting& s)
      : y(conv_oracle(x, w, s.bias ? &b : nullptr, s.stride, s.padding)),
        dx(build(x.shape, [](const Position&) { return 0.0; })),
        dw(build(w.shape, [](const Position&) { return 0.0; })),
        db(build(b.shape, [](const Position&) { return 0.0; })) {
    each_tap(x.shape, w.shape, s.stride, s.padding,
             [&](std::size_t i, std::size_t j, std::size_t k) {
               dx.values[i] += dy.values[k] * w.values[j];
               dw.values[j] += dy.values[k] * x.values[i];
             });
    const std::size_t channels = b.values.size();
    for (std::size_t k = 0; k < dy.values.size(); ++k) db.values[k % channels] += dy.values[k];
  }
};

void check_exact(const Setting& s, Random& random) {
  INFO(s.text());
  const Tensor x(draw_integers(s.x, 3, random), true), w(draw_integers(s.w, 3, random), true);
  const Tensor b(draw_integers({s.w[3]}, 9, random), true);
  const Tensor y = conv2d(x, w, s.bias ? b : Tensor(), s.stride, s.padding);
  const Array dy = draw_integers(y.shape(), 3, random);
  y.backward(dy);
  const Expected want(to_plain(x.value()), to_plain(w.value()), to_plain(b.value()), to_plain(dy),
                      s);
  CHECK_EQ(difference(y.value(), want.y, 0), "");
  CHECK_EQ(difference(x.grad(), want.dx, 0), "");
  CHECK_EQ(difference(w.grad(), want.dw, 0), "");
  if (s.bias) CHECK_EQ(difference(b.grad(), want.db, 0), "");
}

std::string rejected(const Shape& x, const Shape& w, const Shape& b, Pair stride = 1,
                     Pair padding = 0) {
  return message_of<ShapeError>([&] {
    conv2d(Tensor(Array(x, Scalar{1})), Tensor(Array(w, Scalar{1})), Tensor(Array(b, Scalar{1})),
           stride, padding);
  });
}

}  // namespace

TEST_CASE("conv2d, dx, dw and db are exact on 400 random shapes") {
  Random random(400);
  for (int i = 0; i < 400; ++i) check_exact(draw_setting(random), random);
}

TEST_CASE("conv2d is exact on the shapes of the lesson's nets") {
  Random random(401);
  for (const Setting& s : {Setting{{9, 28, 28, 1}, {5, 5, 1, 8}, 2, 2, true},
                           Setting{{9, 14, 14, 8}, {3, 3, 8, 16}, 2, 1, true},
                           Setting{{9, 7, 7, 16}, {3, 3, 16, 32}, 2, 1, true},
                           Setting{{9, 4, 4, 32}, {3, 3, 32, 64}, 2, 1, true},
                           Setting{{17, 2, 2, 64}, {3, 3, 64, 10}, 2, 1, true},
                           Setting{{2, 28, 28, 1}, {3, 3, 1, 33}, 1, 1, false},
                           Setting{{3, 5, 5, 67}, {1, 1, 67, 65}, 1, 0, true}})
    check_exact(s, random);
}

TEST_CASE(
    "3x3 kernels of stride 1 are exact on 60 random shapes with channels in whole registers") {
  Random random(404);
  for (int i = 0; i < 60; ++i) {
    const Index in = 16 * pick(random, 1, 3), out = 16 * pick(random, 1, 4);
    const Shape x{pick(random, 1, 5), pick(random, 4, 9), pick(random, 4, 9), in};
    const Pair padding{pick(random, 0, 2), pick(random, 0, 2)};
    check_exact({x, {3, 3, in, out}, 1, padding, pick(random, 0, 1) == 1}, random);
  }
}

TEST_CASE("3x3 kernels of stride 1 are within a hundred thousandth of the plain sum") {
  Random random(405);
  const Setting s{{3, 14, 13, 64}, {3, 3, 64, 48}, 1, 1, true};
  const Tensor x(random.normal(s.x), true), w(random.normal(s.w), true);
  const Tensor b(random.normal({48}), true);
  const Tensor y = conv2d(x, w, b, s.stride, s.padding);
  const Array dy = random.normal(y.shape());
  y.backward(dy);
  const Expected want(to_plain(x.value()), to_plain(w.value()), to_plain(b.value()), to_plain(dy),
                      s);
  // Of the largest: a sum near zero has no digits to be right in.
  const auto tolerance = [](const Plain& plain) {
    double largest = 0;
    for (double v : plain.values) largest = std::max(largest, std::abs(v));
    return 1e-5 * largest;
  };
  CHECK_EQ(difference(y.value(), want.y, tolerance(want.y)), "");
  CHECK_EQ(difference(x.grad(), want.dx, tolerance(want.dx)), "");
  CHECK_EQ(difference(w.grad(), want.dw, tolerance(want.dw)), "");
  CHECK_EQ(difference(b.grad(), want.db, tolerance(want.db)), "");
}

TEST_CASE("conv2d is exact where one image fills a tile and where many share one") {
  Random random(402);
  check_exact({{2, 70, 71, 5}, {3, 3, 5, 4}, 2, 1, true}, random);
  check_exact({{131, 3, 3, 2}, {2, 2, 2, 3}, 1, 0, true}, random);
  check_exact({{257, 1, 1, 3}, {3, 3, 3, 2}, 1, 1, true}, random);
}

TEST_CASE("conv2d is exact with few channels, even and odd, and kernel rows of any length") {
  Random random(406);
  for (const Index kernel : {1, 2, 3, 5, 7, 9})
    for (const Index in : {1, 2, 3})
      for (const Index out : {1, 4, 8, 9, 16}) {
        const Pair padding{pick(random, 0, kernel / 2), pick(random, 0, kernel / 2)};
        const Pair stride{pick(random, 1, 2), pick(random, 1, 2)};
        check_exact({{3, 10, 11, in}, {kernel, kernel, in, out}, stride, padding, true}, random);
      }
}

TEST_CASE("conv2d is exact with weights that every thread packs for itself and with shared ones") {
  Random random(407);
  for (const Index in : {12, 123, 240})  // 16 columns in pairs: 32 K numbers are packed at most
    check_exact({{2, 3, 4, in}, {3, 3, in, 14}, 1, 1, true}, random);
  check_exact({{2, 3, 3, 130}, {3, 3, 130, 40}, 1, 1, true}, random);
}

TEST_CASE("an infinite number counts once, also where it is the odd one in a row of the kernel") {
  Array x({1, 5, 5, 1}, Scalar{1});
  x.data()[12] = std::numeric_limits<Scalar>::infinity();  // in the middle
  const Array y = conv2d(Tensor(x), Tensor(Array({3, 3, 1, 1}, Scalar{1}))).value();
  for (Scalar v : y.values()) CHECK_EQ(v, std::numeric_limits<Scalar>::infinity());
}

TEST_CASE("rows and columns that no window reaches get a gradient of zero") {
  const Tensor x(Array({1, 3, 3, 1}, Scalar{1}), true), w(Array({1, 1, 1, 1}, Scalar{2}), true);
  conv2d(x, w, {}, 2).backward(Array({1, 2, 2, 1}, Scalar{1}));
  CHECK_EQ(difference(x.grad(), Plain{{1, 3, 3, 1}, {2, 0, 2, 0, 0, 0, 2, 0, 2}}, 0), "");
}

TEST_CASE("a 1x1 convolution of no images, from or to no channels") {
  const auto run = [](const Shape& x, const Shape& w) {
    const Tensor X(Array(x, Scalar{1}), true), W(Array(w, Scalar{1}), true);
    const Tensor b(Array({w[3]}, Scalar{2}), true);
    const Tensor y = conv2d(X, W, b);
    y.backward(Array(y.shape(), Scalar{1}));
    CHECK_EQ(X.grad().shape(), x);
    CHECK_EQ(W.grad().shape(), w);
    CHECK_EQ(b.grad().shape(), b.shape());
    return y.value();
  };
  CHECK_EQ(run({0, 5, 5, 3}, {1, 1, 3, 2}).shape(), Shape{0, 5, 5, 2});
  CHECK_EQ(run({2, 5, 5, 3}, {1, 1, 3, 0}).shape(), Shape{2, 5, 5, 0});
  const Array y = run({2, 5, 5, 0}, {1, 1, 0, 3});  // only the bias is left
  CHECK_EQ(y.shape(), Shape{2, 5, 5, 3});
  for (Scalar v : y.values()) CHECK_EQ(v, 2);
}

TEST_CASE("a 1x1 convolution is a matrix product over pixels") {
  Random random(403);
  const Tensor x(draw_integers({3, 5, 4, 7}, 5, random)), w(draw_integers({1, 1, 7, 9}, 5, random));
  const Tensor product = matmul(reshape(x, {-1, 7}), reshape(w, {7, 9}));
  CHECK(same_bits(conv2d(x, w).value().reshape({-1, 9}), product.value()));
}

TEST_CASE("a NaN reaches the windows that see it and no others") {
  Array x({1, 5, 5, 1}, Scalar{1});
  x.data()[0] = std::numeric_limits<Scalar>::quiet_NaN();
  const Array y = conv2d(Tensor(x), Tensor(Array({3, 3, 1, 1}, Scalar{1}))).value();
  CHECK(y[0] != y[0]);
  for (Index i = 1; i < 9; ++i) CHECK_EQ(y[i], 9);
}

TEST_CASE("a NaN reaches the windows that see it and no others, sixteen products or thirty-six") {
  Array x({1, 6, 6, 16}, Scalar{1});
  x.data()[(3 * 6 + 2) * 16] = std::numeric_limits<Scalar>::quiet_NaN();  // row 3, column 2
  const Array y = conv2d(Tensor(x), Tensor(Array({3, 3, 16, 16}, Scalar{1}))).value();
  for (Index row = 0; row < 4; ++row)
    for (Index column = 0; column < 4; ++column) {
      const bool sees = row >= 1 && row <= 3 && column <= 2;
      const Scalar v = y[(row * 4 + column) * 16];
      CHECK(sees == (v != v));
      if (!sees) CHECK_EQ(v, 9 * 16);
    }
}

TEST_CASE("what does not fit is named with the shapes of both sides") {
  const auto names_both = [](const std::string& message, const char* a, const char* b) {
    CHECK_MESSAGE((begins(message, "[conv2d] ") && contains(message, a) && contains(message, b)),
                  message);
  };
  names_both(rejected({8, 28, 28, 3}, {5, 5, 1, 8}, {8}), "(8,28,28,3)", "(5,5,1,8)");
  names_both(rejected({8, 28, 28, 1}, {5, 5, 1, 8}, {7}), "(7)", "(5,5,1,8)");
  names_both(rejected({8, 28, 28, 1}, {5, 5, 1, 8}, {8, 1}), "(8,1)", "(5,5,1,8)");
  names_both(rejected({8, 3, 28, 1}, {5, 5, 1, 8}, {8}), "(8,3,28,1)", "(5,5,1,8)");
  names_both(rejected({28, 28, 1}, {5, 5, 1, 8}, {8}), "[conv2d]", "(28,28,1)");
  names_both(rejected({8, 28, 28, 1}, {5, 1, 8}, {8}), "[conv2d]", "(5,1,8)");
}

TEST_CASE("strides and paddings that mean nothing are rejected") {
  CHECK(begins(rejected({1, 5, 5, 1}, {3, 3, 1, 1}, {1}, {0, 1}), "[conv2d] stride 0x1"));
  CHECK(begins(rejected({1, 5, 5, 1}, {3, 3, 1, 1}, {1}, -1), "[conv2d] stride"));
  CHECK(begins(rejected({1, 5, 5, 1}, {3, 3, 1, 1}, {1}, 1, {0, -1}), "[conv2d] padding 0x-1"));
}

}  // namespace kindling::test
