#include <algorithm>

#include "engine/kernels/conv2d.h"
#include "engine/kernels/conv2d_plan.h"
#include "engine/kernels/conv2d_tile.h"
#include "engine/kernels/conv2d_winograd.h"
#include "engine/kernels/gemm.h"
#include "engine/kernels/layout.h"
#include "engine/kernels/reduce.h"

// The gradient of the weights. Where forward (conv2d.cpp) holds pixels in registers and walks over
// weights, this one holds weights and walks over pixels:
//
//   for every part of the images, for every panel of NV vectors of output channels    one task
//     for every tile of images, for every stencil of it, for 128 pixels at a time
//       dy of the pixels is packed into a panel, and summed into db on the way
//       for R weights of a segment at a time              R x NV sums come into registers
//         for every pixel p
//           sums[r][v] += x[p][r] * dy[p][v]              R broadcasts x NV vectors
//
// The parts are added up at the end, in their order.

namespace kindling::kernels {

namespace {

/// Pixels that a register tile of dw sums over before it goes back to memory: their dy, NV vectors
/// each, share the first-level cache with their x.
constexpr int kPixels = 128;
/// Pixels between two looks ahead.
constexpr int kStretch = 16;

struct AheadOfBoth {
  Ahead<0> x, dy;
};

/// The register tile of dw: R rows of weights (or pairs of rows) and one panel of channels
/// += x * dy over the pixels.
template <class T, int R>
[[gnu::noinline]] void dw_tile(const Scalar* const* window, Index k, const Scalar* dy, Scalar* dw,
                               Index pitch, int pixels, AheadOfBoth& ahead) {
  using V = typename T::V;
  using Half = typename T::Half;
  Sums<T::L, T::NV, R> sums;
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) {
    if constexpr (T::pairs)
      sums.at[r][0] = simd::zip<V>(simd::load<Half>(dw + 2 * r * pitch),
                                   simd::load<Half>(dw + (2 * r + 1) * pitch));
    else
      for (int v = 0; v < T::NV; ++v) sums.at[r][v] = simd::load<V>(dw + r * pitch + v * T::L);
  }
  for (int i = 0; i < pixels;) {
    ahead.x.step();
    ahead.dy.step();
    for (const int stop = std::min(pixels, i + kStretch); i < stop; ++i) {
      const Scalar* x = window[i] + k;
      if constexpr (T::pairs)
        sums.step_pairs([&](int r) { return x + 2 * r; }, dy + i * T::L);
      else
        sums.step([&](int r) { return x[r]; }, dy + i * T::columns);
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) {
    if constexpr (T::pairs) {
      simd::store(dw + 2 * r * pitch, simd::unzip<Half, 0>(sums.at[r][0]));
      simd::store(dw + (2 * r + 1) * pitch, simd::unzip<Half, 1>(sums.at[r][0]));
    } else {
      for (int v = 0; v < T::NV; ++v) simd::store(dw + r * pitch + v * T::L, sums.at[r][v]);
    }
  }
}

/// Copies the next pixels' dy, one panel of channels from column j on, to where the register tiles
/// read it, filled up with zeros (for pairs, every number twice); their sum goes to db.
template <class T>
void pack_dy(Walk& walk, int pixels, const Scalar* dy, Index m, Index j, const Scalar** window,
             Scalar* panel, Scalar* db) {
  using V = simd::Vec<Scalar, T::pairs ? T::L / 2 : T::L>;
  constexpr int L = sizeof(V) / sizeof(Scalar), NV = T::NV;
  const Index filled = std::min<Index>(m - j, T::columns);
  V sum[NV];
  for (int v = 0; v < NV; ++v) sum[v] = simd::load<V>(db + v * L);
  walk.take(pixels, [&](int i, const Scalar* begin, Index pixel) {
    window[i] = begin;
    const Scalar* from = dy + pixel * m + j;
    Scalar* to = panel + i * T::L * NV;
    if (filled < T::columns) {
      std::copy_n(from, filled, to);
      std::fill_n(to + filled, T::columns - filled, Scalar{0});
      from = to;
    }
    for (int v = 0; v < NV; ++v) {
      const V d = simd::load<V>(from + v * L);
      if constexpr (T::pairs)
        simd::store(to, simd::zip<typename T::V>(d, d));
      else
        simd::store(to + v * L, d);
      sum[v] += d;
    }
  });
  for (int v = 0; v < NV; ++v) simd::store(db + v * L, sum[v]);
}

/// dw (rows + 1, columns), columns from j on, += what a tile of images contributes. The last row is
/// db: the weight of an input that is always 1.
template <class T>
void dw_images(const Plan& plan, const Scalar* x, Index in_size, const Scalar* dy, Index count,
               Index m, Index j, Scalar* dw, Index rows, Index columns, AheadOfBoth ahead) {
  constexpr int R = kTileRows<T::NV>, kRowsEach = T::pairs ? 2 : 1;
  const Scalar* window[kPixels];
  alignas(64) Scalar panel[kPixels * T::NV * T::L];
  for (const Stencil& stencil : plan.stencils) {
    Walk walk(plan, stencil, x, in_size, count);
    while (walk.left() > 0) {
      const int pixels = static_cast<int>(std::min<Index>(walk.left(), kPixels));
      pack_dy<T>(walk, pixels, dy, m, j, window, panel, dw + rows * columns + j);
      for (const Segment& segment : stencil.segments) {
        const Index height = segment.length / kRowsEach;
        const Index blocks = (height + R - 1) / R;  // of about equal height
        for (Index block = 0; block < blocks; ++block) {
          const Index begin = block * height / blocks, end = (block + 1) * height / blocks;
          with_rows<R>(end - begin, [&](auto rows_each) {
            const Index row = begin * kRowsEach;
            dw_tile<T, decltype(rows_each)::value>(window, segment.in + row, panel,
                                                   dw + (segment.weight + row) * columns + j,
                                                   columns, pixels, ahead);
          });
        }
      }
    }
  }
}

/// (rows + 1, columns): dw and under it db, columns filled up to whole panels.
template <class T>
Array dw_and_db(const Plan& plan, const Array& dy, const Array& x, Index rows, Index m) {
  const Index n = x.dim(0), in_size = x.size() / n, out_size = dy.size() / n;
  const Index panels = (m + T::columns - 1) / T::columns, columns = panels * T::columns;
  // Small images come in large tiles: sums are brought into registers and back for every stencil,
  // and that should be worth some pixels.
  constexpr Index kWorth = 64;
  const Index each = (kWorth * std::ssize(plan.stencils) + plan.pixels - 1) / plan.pixels;
  const Index images = std::max(images_in_tile(n, in_size, out_size), std::min(n, each));
  // A task sums one panel over one part of the images; the parts are added in their order at the
  // end. There are few parts where there are many panels, so partial sums never outgrow the arrays.
  constexpr Index kTasks = 16;
  const Index parts = std::clamp<Index>(kTasks / panels, 1, n);
  const Index steps = images * plan.steps / kStretch / kTileRows<T::NV>;
  Array partial(Shape{parts, rows + 1, columns}, Scalar{0});
  Scalar* out = partial.data();
  parallel_for(parts * panels, n * plan.steps * m, [&](Index task) {
    const Index part = task / panels, j = task % panels * T::columns;
    const Index end = (part + 1) * n / parts;
    for (Index first = part * n / parts; first < end; first += images) {
      const Index count = std::min(images, end - first), then = first + count;
      const Index next = std::min(images, end - then);
      dw_images<T>(plan, x.data() + first * in_size, in_size, dy.data() + first * out_size, count,
                   m, j, out + part * (rows + 1) * columns, rows, columns,
                   {{x.data() + then * in_size, next * in_size, steps},
                    {dy.data() + then * out_size, next * out_size, steps}});
    }
  });
  return parts == 1 ? partial.reshape({rows + 1, columns}) : sum(partial, {0});
}

}  // namespace

Array conv2d_dw(const Array& dy, const Array& x, const Shape& w_shape, const Window& win,
                Array* db) {
  const Index m = w_shape[3], rows = w_shape.with(3, 1).size();
  if (dy.size() == 0) {
    if (db) *db = Array(Shape{m}, Scalar{0});
    return Array(w_shape, Scalar{0});
  }
  if (is_product(win)) {
    if (db) *db = sum(dy, {0, 1, 2});
    return gemm(x.reshape({dy.size() / m, w_shape[2]}), dy.reshape({dy.size() / m, m}), Trans::left)
        .reshape(w_shape);
  }
  if (winograd_wins(x.shape(), w_shape, win))
    return winograd_dw(dy, x, w_shape, win.padding_h, win.padding_w, db);
  const auto plan = forward_plan(x.dim(1), x.dim(2), x.dim(3), win);
  Array both;
  with_layout(m, x.dim(3),
              [&](auto layout) { both = dw_and_db<decltype(layout)>(*plan, dy, x, rows, m); });
  if (both.dim(1) != m) both = slice(both, 1, 0, m);
  if (db) *db = both.rows(rows, rows + 1).reshape({m});
  return both.rows(0, rows).reshape(w_shape);
}

}  // namespace kindling::kernels
