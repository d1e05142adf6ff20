#include "engine/kernels/conv2d_winograd.h"

#include <algorithm>
#include <array>

#include "engine/kernels/conv2d_winograd_tile.h"

// Winograd's minimal filtering F(2x2, 3x3) (Lavin and Gray, "Fast algorithms for convolutional
// neural networks", 2015). Two outputs of a filter with three taps need four products, not six:
//
//   y0 = d0 g0 + d1 g1 + d2 g2 = m0 + m1 + m2      m0 = (d0 - d2) g0      m3 = (d1 - d3) g2
//   y1 = d1 g0 + d2 g1 + d3 g2 = m1 - m2 - m3      m1 = (d1 + d2) (g0 + g1 + g2) / 2
//                                                  m2 = (d2 - d1) (g0 - g1 + g2) / 2
//
// In matrices, with ' for the transpose: y = A' [(G g) * (B' d)], where B' makes the sums and
// differences of d, G those of g, and A' those of m. In two dimensions it takes sixteen products,
// not thirty-six: y = A' [U * (B' d B)] A with U = G g G', where the product is one matrix product
// over the channels for each of the 16 places of a transformed 4x4 patch:
//
//   for every block of T patches, which overlap by two pixels                     one task
//     V[16][T][C] = B' d B of every patch and channel                             transform
//     for each of the 16 places: P[T][M] = V[T][C] x U[C][M]                      register tiles
//     y = A' P A + b, 2x2 pixels of every patch and channel                       transform back
//
// dx is the same with the weights turned around, and dw runs it backwards: dU[C][M] = V' x dP with
// dP = A dy A', and dw = G' dU G at the end. Halves and sums of floats with few bits are exact, so
// whole numbers stay whole.
//
// What it bought over conv2d.cpp's sums, in GFLOP/s of the plain sum (two cores, peak 235; products
// that it saves are counted, so that more than the peak is possible):
//
//                  28x28, 16-32   14x14, 32-64   7x7, 64-128   4x4, 128-256
//   forward           200 -> 305     209 -> 340    216 -> 335     280 -> 430
//   dx                196 -> 300     198 -> 375    252 -> 330     256 -> 400
//   dw                202 -> 305     203 -> 340    196 -> 240     166 -> 330

namespace kindling::kernels {

using namespace winograd_detail;

namespace {

/// y = A' P A + b of patches [first, first + count).
void transform_output(const PatchCut& cut, const Scalar* products, const Scalar* bias, Index first,
                      Index count, Index plane, Scalar* y) {
  PatchAt patch(cut, first);
  for (Index t = 0; t < count; ++t, products += cut.m, patch.next(cut)) {
    Scalar* to = y + ((patch.image * cut.oh + patch.row) * cut.ow + patch.column) * cut.m;
    const bool right = patch.column + 1 < cut.ow, below = patch.row + 1 < cut.oh;
    for (Index m = 0; m < cut.m; m += kLanes) {
      std::array<std::array<V, 4>, 2> s;
#pragma GCC unroll 4
      for (int j = 0; j < 4; ++j) {
        const auto p = [&](int i) { return simd::load<V>(products + (4 * i + j) * plane + m); };
        const V p1 = p(1), p2 = p(2);
        s[0][j] = p(0) + p1 + p2;
        s[1][j] = p1 - p2 - p(3);
      }
      const V b = simd::load<V>(bias + m);
#pragma GCC unroll 2
      for (int i = 0; i < 2; ++i) {
        if (i == 1 && !below) break;
        Scalar* row = to + i * cut.ow * cut.m + m;
        simd::store(row, s[i][0] + s[i][1] + s[i][2] + b);
        if (right) simd::store(row + cut.m, s[i][1] - s[i][2] - s[i][3] + b);
      }
    }
  }
}

/// P rows of one place's product, one panel wide.
template <int NV, int P>
[[gnu::noinline]] void product_tile(const Scalar* v, Index c, const Scalar* panel, Scalar* out,
                                    Index pitch) {
  Sums<kLanes, NV, P> sums{};
  for (Index k = 0; k < c; ++k, panel += NV * kLanes)
    sums.step([&](int p) { return v[p * c + k]; }, panel);
#pragma GCC unroll 16
  for (int p = 0; p < P; ++p)
    for (int i = 0; i < NV; ++i) simd::store(out + p * pitch + i * kLanes, sums.at[p][i]);
}

/// U[16][C][M] = G g G' of weights g(i, j, c, m), packed into panels: (16, panels, C, width).
template <class Weight>
Array transform_weights(Index c, Index m, Index width, const Weight& g) {
  Array u(Shape{kPlaces, m / width, c, width});
  Scalar* out = u.data();
  const auto filter = [](Scalar g0, Scalar g1, Scalar g2) {
    return std::array<Scalar, 4>{g0, (g0 + g1 + g2) / 2, (g0 - g1 + g2) / 2, g2};
  };
  parallel_for(c, 64 * c * m, [&](Index k) {
    for (Index j = 0; j < m; ++j) {
      std::array<std::array<Scalar, 4>, 3> rows;
      for (int i = 0; i < 3; ++i) rows[i] = filter(g(i, 0, k, j), g(i, 1, k, j), g(i, 2, k, j));
      for (int across = 0; across < 4; ++across) {
        const auto column = filter(rows[0][across], rows[1][across], rows[2][across]);
        for (int down = 0; down < 4; ++down)
          out[(((4 * down + across) * (m / width) + j / width) * c + k) * width + j % width] =
              column[down];
      }
    }
  });
  return u;
}

/// out = what the transformed weights make of `in`, + bias.
template <int NV>
void apply(const PatchCut& cut, const Scalar* in, const Array& weights, const Scalar* bias,
           Scalar* out) {
  constexpr int P = kTileRows<2>, kWidth = NV * kLanes;
  const Index patches = block_patches(cut), blocks = (cut.patches() + patches - 1) / patches;
  const Index v_plane = plane(patches, cut.c), p_plane = plane(patches, cut.m);
  const Scratch scratch(kPlaces * (v_plane + p_plane));
  const Array zeros(Shape{cut.c}, Scalar{0});
  const Scalar* u = weights.data();
  parallel_for(blocks, cut.patches() * kPlaces * cut.c * cut.m, [&](Index block) {
    const Index first = block * patches, count = std::min(patches, cut.patches() - first);
    Scalar* v = scratch.mine();
    Scalar* products = v + kPlaces * v_plane;
    transform_input(cut, in, std::as_const(zeros).data(), first, count, v_plane, v);
    const Scalar* panel = u;
    const Index steps = kPlaces * (cut.m / kWidth) * (count / P);
    auto in_ahead = ahead_of<0>(cut, in, cut.h, cut.w, cut.c, first + count, patches, steps);
    auto out_ahead = ahead_of<1>(cut, out, cut.oh, cut.ow, cut.m, first + count, patches, steps);
    for (int place = 0; place < kPlaces; ++place)
      for (Index j = 0; j < cut.m; j += kWidth, panel += cut.c * kWidth)
        for (Index t = 0; t < count; t += P) {
          in_ahead.step();
          out_ahead.step();
          with_rows<P>(count - t, [&](auto rows) {
            product_tile<NV, decltype(rows)::value>(v + place * v_plane + t * cut.c, cut.c, panel,
                                                    products + place * p_plane + t * cut.m + j,
                                                    cut.m);
          });
        }
    transform_output(cut, products, bias, first, count, p_plane, out);
  });
}

}  // namespace

bool winograd_wins(const Shape& x, const Shape& w, const Window& win) {
  const bool open = win.kernel_h == 3 && win.kernel_w == 3 && win.stride_h == 1 &&
                    win.stride_w == 1 && win.padding_h <= 2 && win.padding_w <= 2 &&
                    w[2] % kLanes == 0 && w[3] % kLanes == 0 && w[2] > 0 && w[3] > 0 && x[0] > 0;
  return open && x[1] >= 4 && x[2] >= 4;
}

Array winograd(const Array& x, const Array& w, const Array& b, Index padding_h, Index padding_w) {
  const Index c = w.dim(2), m = w.dim(3);
  const PatchCut cut{
      x.dim(0), x.dim(1),  x.dim(2), c, x.dim(1) + 2 * padding_h - 2, x.dim(2) + 2 * padding_w - 2,
      m,        padding_h, padding_w};
  Array y(Shape{cut.n, cut.oh, cut.ow, m});
  const Array bias = b.defined() ? b : Array(Shape{m}, Scalar{0});
  const auto weight = [&, g = w.data()](int i, int j, Index k, Index to) {
    return g[((i * 3 + j) * c + k) * m + to];
  };
  with_vectors(m, [&](auto vectors) {
    constexpr int NV = decltype(vectors)::value;
    apply<NV>(cut, x.data(), transform_weights(c, m, NV * kLanes, weight), bias.data(), y.data());
  });
  return y;
}

Array winograd_dx(const Array& dy, const Array& w, const Shape& x_shape, Index padding_h,
                  Index padding_w) {
  const Index c = w.dim(2), m = w.dim(3);
  const PatchCut cut{dy.dim(0), dy.dim(1),     dy.dim(2),    m, x_shape[1], x_shape[2],
                     c,         2 - padding_h, 2 - padding_w};
  Array dx(x_shape);
  const Array zeros(Shape{c}, Scalar{0});
  const auto weight = [&, g = w.data()](int i, int j, Index k, Index to) {
    return g[(((2 - i) * 3 + 2 - j) * c + to) * m + k];
  };
  with_vectors(c, [&](auto vectors) {
    constexpr int NV = decltype(vectors)::value;
    apply<NV>(cut, dy.data(), transform_weights(m, c, NV * kLanes, weight), zeros.data(),
              dx.data());
  });
  return dx;
}

}  // namespace kindling::kernels
