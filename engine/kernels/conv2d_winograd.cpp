#include "engine/kernels/conv2d_winograd.h"

#include <algorithm>
#include <array>

#include "engine/kernels/conv2d_tile.h"
#include "engine/kernels/reduce.h"

// Winograd's minimal filtering F(2x2, 3x3) (Lavin and Gray, "Fast algorithms for convolutional
// neural networks", 2015). Two outputs of a filter with three taps need four products, not six:
//
//   y0 = d0 g0 + d1 g1 + d2 g2 = m0 + m1 + m2      m0 = (d0 - d2) g0      m3 = (d1 - d3) g2
//   y1 = d1 g0 + d2 g1 + d3 g2 = m1 - m2 - m3      m1 = (d1 + d2) (g0 + g1 + g2) / 2
//                                                  m2 = (d2 - d1) (g0 - g1 + g2) / 2
//
// and in two dimensions sixteen, not thirty-six: Y = A' [(G g G') * (B' d B)] A, where the product
// is one matrix product over the channels for each of the 16 places of a transformed 4x4 patch:
//
//   for every block of T patches, which overlap by two pixels                     one task
//     V[16][T][C] = B' d B of every patch and channel                             transform
//     for each of the 16 places: P[T][M] = V[T][C] x U[C][M]                      register tiles
//     y = A' P A + b, 2x2 pixels of every patch and channel                       transform back
//
// dx is the same with the weights turned around, and dw runs it backwards: dU[C][M] = V' x dP with
// dP = A dy A', and dw = G' dU G at the end. Halves and sums of floats with few bits are exact, so
// whole numbers stay whole.

namespace kindling::kernels {

namespace {

constexpr int kLanes = simd::kLanes<Scalar>;
constexpr int kPlaces = 16;
using V = simd::Vec<Scalar, kLanes>;
using Patch = std::array<std::array<V, 4>, 4>;

/// How an image is cut: th x tw patches for the output's oh x ow pixels, two by two.
struct Cut {
  Index n, h, w, c, oh, ow, m, padding_h, padding_w;
  Index th = (oh + 1) / 2, tw = (ow + 1) / 2;
  Index patches() const { return n * th * tw; }
};

/// Where a patch lies: its image, and the row and column of its first output pixel.
struct Place {
  Place(const Cut& cut, Index patch)
      : image(patch / (cut.th * cut.tw)),
        row(patch / cut.tw % cut.th * 2),
        column(patch % cut.tw * 2) {}
  void next(const Cut& cut) {
    if ((column += 2) < cut.ow) return;
    column = 0;
    if ((row += 2) < cut.oh) return;
    row = 0;
    ++image;
  }
  Index image, row, column;
};

/// Numbers in the scratch memory of a task: fits the second-level cache beside the weights.
constexpr Index kScratch = 96 * 1024;

/// Patches in a block.
Index block_patches(const Cut& cut, Index scratch = kScratch) {
  const Index rows = kTileRows<2>;
  const Index fit = scratch / (kPlaces * (cut.c + cut.m)) / rows * rows;
  return std::clamp<Index>(fit, rows, 8 * rows);
}

/// The 16 planes of a block lie a cache line more than their size apart, lest all of them fall into
/// the same lines of the cache.
Index plane(Index patches, Index features) { return patches * features + 64 / sizeof(Scalar); }

/// The images' numbers that the block behind patch `next` begins with, fetched in so many steps.
template <int kWrite>
Ahead<kWrite> ahead_of(const Cut& cut, const Scalar* images, Index h, Index w, Index features,
                       Index next, Index patches, Index steps) {
  if (next >= cut.patches()) return {images, 0, 1};
  const Place place(cut, next);
  const Index begin = (place.image * h + std::min(place.row, h - 1)) * w * features;
  const Index numbers =
      std::min(patches, cut.patches() - next) * h * w * features / (cut.th * cut.tw);
  return {images + begin, std::min(numbers, cut.n * h * w * features - begin), steps};
}

/// d -> B' d B, for one vector of channels; first down, then across.
[[gnu::always_inline]] inline void transform(Patch& d) {
#pragma GCC unroll 4
  for (int j = 0; j < 4; ++j) {
    const V d1 = d[1][j], d2 = d[2][j];
    d[0][j] -= d2;
    d[1][j] = d1 + d2;
    d[2][j] = d2 - d1;
    d[3][j] = d1 - d[3][j];
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    const V d1 = d[i][1], d2 = d[i][2];
    d[i][0] -= d2;
    d[i][1] = d1 + d2;
    d[i][2] = d2 - d1;
    d[i][3] = d1 - d[i][3];
  }
}

/// One patch of V; at(i, j) is where its pixels' channels lie.
template <class At>
[[gnu::always_inline]] inline void transform_patch(Index channels, const At& at, Index plane,
                                                   Scalar* out) {
  for (Index c = 0; c < channels; c += kLanes) {
    Patch d;
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i)
#pragma GCC unroll 4
      for (int j = 0; j < 4; ++j) d[i][j] = simd::load<V>(at(i, j) + c);
    transform(d);
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i)
#pragma GCC unroll 4
      for (int j = 0; j < 4; ++j) simd::store(out + (4 * i + j) * plane + c, d[i][j]);
  }
}

/// V[16][T][C] of patches [first, first + count).
void transform_input(const Cut& cut, const Scalar* x, const Scalar* zeros, Index first, Index count,
                     Index plane, Scalar* out) {
  Place place(cut, first);
  for (Index t = 0; t < count; ++t, out += cut.c, place.next(cut)) {
    const Index top = place.row - cut.padding_h, left = place.column - cut.padding_w;
    const Index pitch = cut.w * cut.c;
    const Scalar* corner = x + (place.image * cut.h + top) * pitch + left * cut.c;
    if (top >= 0 && top + 4 <= cut.h && left >= 0 && left + 4 <= cut.w) {
      transform_patch(
          cut.c, [&](Index i, Index j) { return corner + i * pitch + j * cut.c; }, plane, out);
      continue;
    }
    std::array<std::array<const Scalar*, 4>, 4> at;  // across a border: zeros outside
    for (Index i = 0; i < 4; ++i)
      for (Index j = 0; j < 4; ++j) {
        const bool inside = top + i >= 0 && top + i < cut.h && left + j >= 0 && left + j < cut.w;
        at[i][j] = inside ? corner + i * pitch + j * cut.c : zeros;
      }
    transform_patch(
        cut.c, [&](Index i, Index j) { return at[i][j]; }, plane, out);
  }
}

/// y = A' P A + b of patches [first, first + count).
void transform_output(const Cut& cut, const Scalar* products, const Scalar* bias, Index first,
                      Index count, Index plane, Scalar* y) {
  Place place(cut, first);
  for (Index t = 0; t < count; ++t, products += cut.m, place.next(cut)) {
    Scalar* to = y + ((place.image * cut.oh + place.row) * cut.ow + place.column) * cut.m;
    const bool right = place.column + 1 < cut.ow, below = place.row + 1 < cut.oh;
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

/// Calls f(vectors in a panel): two where the channels allow it.
template <class F>
void with_vectors(Index features, const F& f) {
  if (features % (2 * kLanes) == 0)
    f(std::integral_constant<int, 2>());
  else
    f(std::integral_constant<int, 1>());
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
void apply(const Cut& cut, const Scalar* in, const Array& weights, const Scalar* bias,
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
  const Cut cut{
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
  const Cut cut{dy.dim(0), dy.dim(1),     dy.dim(2),    m, x_shape[1], x_shape[2],
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

namespace {

/// dP = A dy A' of patches [first, first + count); their dy summed into db.
void transform_dy(const Cut& cut, const Scalar* dy, const Scalar* zeros, Index first, Index count,
                  Index plane, Scalar* out, Scalar* db) {
  Place place(cut, first);
  for (Index t = 0; t < count; ++t, out += cut.m, place.next(cut)) {
    const Scalar* from = dy + ((place.image * cut.oh + place.row) * cut.ow + place.column) * cut.m;
    const bool right = place.column + 1 < cut.ow, below = place.row + 1 < cut.oh;
    const Scalar* const at[2][2] = {{from, right ? from + cut.m : zeros},
                                    {below ? from + cut.ow * cut.m : zeros,
                                     right && below ? from + (cut.ow + 1) * cut.m : zeros}};
    for (Index m = 0; m < cut.m; m += kLanes) {
      std::array<std::array<V, 2>, 4> rows;
      V sum = simd::load<V>(db + m);
#pragma GCC unroll 2
      for (int j = 0; j < 2; ++j) {
        const V y0 = simd::load<V>(at[0][j] + m), y1 = simd::load<V>(at[1][j] + m);
        rows[0][j] = y0;
        rows[1][j] = y0 + y1;
        rows[2][j] = y0 - y1;
        rows[3][j] = -y1;
        sum += rows[1][j];
      }
      simd::store(db + m, sum);
#pragma GCC unroll 4
      for (int i = 0; i < 4; ++i) {
        const V y0 = rows[i][0], y1 = rows[i][1];
        simd::store(out + (4 * i) * plane + m, y0);
        simd::store(out + (4 * i + 1) * plane + m, y0 + y1);
        simd::store(out + (4 * i + 2) * plane + m, y0 - y1);
        simd::store(out + (4 * i + 3) * plane + m, -y1);
      }
    }
  }
}

/// R rows of one place's dU and one panel += V' x dP over the patches of a block.
template <int NV, int R>
[[gnu::noinline]] void du_tile(const Scalar* v, Index c, const Scalar* dp, Index m, Scalar* du,
                               Index patches) {
  Sums<kLanes, NV, R> sums;
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r)
    for (int i = 0; i < NV; ++i) sums.at[r][i] = simd::load<V>(du + r * m + i * kLanes);
  for (Index t = 0; t < patches; ++t, v += c, dp += m) sums.step([&](int r) { return v[r]; }, dp);
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r)
    for (int i = 0; i < NV; ++i) simd::store(du + r * m + i * kLanes, sums.at[r][i]);
}

/// dU (16, C, M) += what a block of patches contributes.
template <int NV>
void add_block(const Cut& cut, const Scalar* v, Index v_plane, const Scalar* dp, Index p_plane,
               Index count, Scalar* du, Ahead<0> x_ahead, Ahead<0> dy_ahead) {
  constexpr int R = kTileRows<2>;
  const Index blocks = (cut.c + R - 1) / R;  // of about equal height
  for (int place = 0; place < kPlaces; ++place, v += v_plane, dp += p_plane)
    for (Index block = 0; block < blocks; ++block) {
      const Index begin = block * cut.c / blocks, end = (block + 1) * cut.c / blocks;
      with_rows<R>(end - begin, [&](auto rows) {
        for (Index j = 0; j < cut.m; j += NV * kLanes) {
          x_ahead.step();
          dy_ahead.step();
          du_tile<NV, decltype(rows)::value>(v + begin, cut.c, dp + j, cut.m,
                                             du + (place * cut.c + begin) * cut.m + j, count);
        }
      });
    }
}

/// dw = G' dU G for one input and output channel: (16) -> (3, 3), `step` apart.
void transform_dw(const Scalar* du, Index place, Scalar* dw, Index step) {
  const auto filter = [](Scalar u0, Scalar u1, Scalar u2, Scalar u3) {
    return std::array<Scalar, 3>{u0 + (u1 + u2) / 2, (u1 - u2) / 2, (u1 + u2) / 2 + u3};
  };
  std::array<std::array<Scalar, 3>, 4> rows;
  for (int i = 0; i < 4; ++i) {
    const Scalar* u = du + 4 * i * place;
    rows[i] = filter(u[0], u[place], u[2 * place], u[3 * place]);
  }
  for (int j = 0; j < 3; ++j) {
    const auto column = filter(rows[0][j], rows[1][j], rows[2][j], rows[3][j]);
    for (int i = 0; i < 3; ++i) dw[(i * 3 + j) * step] = column[i];
  }
}

}  // namespace

Array winograd_dw(const Array& dy, const Array& x, const Shape& w_shape, Index padding_h,
                  Index padding_w, Array* db) {
  const Index c = w_shape[2], m = w_shape[3];
  const Cut cut{x.dim(0), x.dim(1), x.dim(2), c, dy.dim(1), dy.dim(2), m, padding_h, padding_w};
  // Every part sums a fixed share of the blocks; the parts are added in their order at the end.
  constexpr Index kMostParts = 16, kLeastParts = 4, kPartial = 2 << 20;
  // Blocks are larger here: every one of them brings dU into registers and back.
  const Index patches = block_patches(cut, 2 * kScratch),
              blocks = (cut.patches() + patches - 1) / patches;
  const Index parts =
      std::min(blocks, std::clamp<Index>(kPartial / (kPlaces * c * m), kLeastParts, kMostParts));
  const Index v_plane = plane(patches, c), p_plane = plane(patches, m);
  const Scratch scratch(kPlaces * (v_plane + p_plane));
  const Array zeros(Shape{std::max(c, m)}, Scalar{0});
  Array partial(Shape{parts, kPlaces * c + 1, m}, Scalar{0});  // the last row is db
  Scalar* out = partial.data();
  parallel_for(parts, cut.patches() * kPlaces * c * m, [&](Index part) {
    Scalar* v = scratch.mine();
    Scalar* dp = v + kPlaces * v_plane;
    Scalar* du = out + part * (kPlaces * c + 1) * m;
    for (Index block = part * blocks / parts; block < (part + 1) * blocks / parts; ++block) {
      const Index first = block * patches, count = std::min(patches, cut.patches() - first);
      transform_input(cut, x.data(), zeros.data(), first, count, v_plane, v);
      transform_dy(cut, dy.data(), zeros.data(), first, count, p_plane, dp, du + kPlaces * c * m);
      with_vectors(m, [&](auto vectors) {
        constexpr int NV = decltype(vectors)::value;
        const Index steps = kPlaces * (c / kTileRows<2>)*(m / (NV * kLanes)), next = first + count;
        add_block<NV>(cut, v, v_plane, dp, p_plane, count, du,
                      ahead_of<0>(cut, x.data(), cut.h, cut.w, c, next, patches, steps),
                      ahead_of<0>(cut, dy.data(), cut.oh, cut.ow, m, next, patches, steps));
      });
    }
  });
  const Array total = sum(partial, {0});
  Array dw(w_shape);
  Scalar* to = dw.data();
  parallel_for(c, 32 * c * m, [&](Index k) {
    for (Index j = 0; j < m; ++j)
      transform_dw(total.data() + k * m + j, c * m, to + k * m + j, c * m);
  });
  if (db) *db = total.rows(kPlaces * c, kPlaces * c + 1).reshape({m});
  return dw;
}

}  // namespace kindling::kernels
