#include <algorithm>

#include "engine/kernels/conv2d.h"
#include "engine/kernels/conv2d_plan.h"
#include "engine/kernels/conv2d_tile.h"
#include "engine/kernels/conv2d_winograd.h"
#include "engine/kernels/gemm.h"
#include "engine/kernels/layout.h"
#include "engine/kernels/reduce.h"

// The gradient of the weights. conv2d_dw(), at the end, chooses as forward does: a 1x1 kernel of
// stride 1 is a matrix product (gemm.cpp), where winograd_wins() it is winograd_dw()
// (conv2d_winograd_dw.cpp), and the rest goes the direct way, which is this file. Where forward
// (conv2d.cpp) holds pixels in registers and walks over weights, this one holds weights and walks
// over pixels:
//
//   for every part of the images, for every panel of NV vectors of output channels    one task
//     for every tile of images, for every stencil of it, for 128 pixels at a time
//       dy of the pixels is packed into a panel, and summed into db on the way
//       for R weights of a segment (or pairs of them), of S segments at a time    R S x NV sums
//         for every pixel p                                                       in registers
//           sums[r][v] += x[p][r] * dy[p][v]              R S broadcasts x NV vectors
//
// (Stencils and segments: conv2d_plan.h. Panels and NV: conv2d_tile.h.) One kernel row of few
// channels is a short segment, whose few sums would wait for one another: a register tile holds
// several of them.
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

/// The register tile of dw: R rows of weights (or pairs of rows), from row `first` on, of each of S
/// segments, and one panel of channels += x * dy over the pixels. An odd number of rows, say five,
/// is paired 0 1, 2 3, 3 4: row 3 is computed twice, with the same result. A single row is paired
/// with itself.
template <class T, int R, int S, bool kOdd>
[[gnu::noinline]] void dw_tile(const Segment* segments, Index first, const Scalar* const* window,
                               const Scalar* dy, Scalar* dw, Index pitch, int pixels,
                               AheadOfBoth& ahead) {
  using V = typename T::V;
  using Half = typename T::Half;
  constexpr bool kSingle = kOdd && R == 1;
  constexpr auto row = [](int i) {
    return i % R * T::terms - (kOdd && !kSingle && i % R == R - 1);
  };
  const auto weights = [&](int i, int v) {
    return dw + (segments[i / R].weight + first + row(i)) * pitch + v * (T::L / T::terms);
  };
  const Index behind = kSingle ? 0 : pitch;  // from the first row of a pair to the second
  Sums<T::L, T::NV, R * S> sums;
#pragma GCC unroll 24
  for (int i = 0; i < R * S; ++i)
    for (int v = 0; v < T::NV; ++v) {
      const Scalar* from = weights(i, v);
      if constexpr (T::pairs)
        sums.at[i][v] = simd::zip<V>(simd::load<Half>(from), simd::load<Half>(from + behind));
      else
        sums.at[i][v] = simd::load<V>(from);
    }
  for (int i = 0; i < pixels; ++i) {
    if (i % kStretch == 0) {
      ahead.x.step();
      ahead.dy.step();
    }
    const Scalar* x[S];
#pragma GCC unroll 8
    for (int s = 0; s < S; ++s) x[s] = window[i] + (segments[s].in + first);
    sums.step(
        [&](int k) {
          if constexpr (T::pairs && !kSingle)
            return simd::load_pairs<V>(x[k / R] + row(k));
          else
            return x[k / R][row(k)];
        },
        dy + i * T::width);
  }
#pragma GCC unroll 24
  for (int i = 0; i < R * S; ++i)
    for (int v = 0; v < T::NV; ++v) {
      Scalar* to = weights(i, v);
      if constexpr (T::pairs) {
        simd::store(to, simd::unzip<Half, 0>(sums.at[i][v]));
        simd::store(to + behind, simd::unzip<Half, 1>(sums.at[i][v]));
      } else {
        simd::store(to, sums.at[i][v]);
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
    Scalar* to = panel + i * T::width;
    if (filled < T::columns) {
      std::copy_n(from, filled, to);
      std::fill_n(to + filled, T::columns - filled, Scalar{0});
      from = to;
    }
    V d[NV];  // all of them before the first is written: `from` may be `to`
    for (int v = 0; v < NV; ++v) sum[v] += d[v] = simd::load<V>(from + v * L);
    for (int v = 0; v < NV; ++v) {
      if constexpr (T::pairs)
        simd::store(to + v * T::L, simd::zip<typename T::V>(d[v], d[v]));
      else
        simd::store(to + v * L, d[v]);
    }
  });
  for (int v = 0; v < NV; ++v) simd::store(db + v * L, sum[v]);
}

/// Sums of a register tile that are R rows of each of several segments: enough to keep the
/// multipliers busy where segments are short.
template <int NV>
inline constexpr int kTileSums = kRegisters == 32 ? 24 / NV
                                 : NV == 1        ? 10
                                                  : 6;

/// All rows of a stencil's segments += x * dy of the pixels.
template <class T>
void add_pixels(const Stencil& stencil, const Scalar* const* window, const Scalar* panel,
                Scalar* dw, Index columns, int pixels, AheadOfBoth& ahead) {
  const Index length = stencil.segments.empty() ? 0 : stencil.segments[0].length;  // of every one
  const Index height = (length + T::terms - 1) / T::terms, count = std::ssize(stencil.segments);
  constexpr int kMost = kTileRows<T::NV>;
  const Index blocks = (height + kMost - 1) / kMost;  // of about equal height
  for (Index block = 0; block < blocks; ++block) {
    const Index begin = block * height / blocks, end = (block + 1) * height / blocks;
    const bool odd = end * T::terms > length;
    with_rows<kMost>(end - begin, [&](auto rows) {
      constexpr int R = decltype(rows)::value, S = std::min(8, kTileSums<T::NV> / R);
      for (Index s = 0; s < count; s += S)
        with_rows<S>(count - s, [&](auto segments) {
          const auto add = [&](auto is_odd) {
            dw_tile<T, R, decltype(segments)::value, decltype(is_odd)::value>(
                &stencil.segments[s], begin * T::terms, window, panel, dw, columns, pixels, ahead);
          };
          if constexpr (T::pairs)
            if (odd) return add(std::true_type());
          add(std::false_type());
        });
    });
  }
}

/// dw (rows + 1, columns), columns from j on, += what a tile of images contributes. The last row is
/// db: the weight of an input that is always 1.
template <class T>
void dw_images(const Plan& plan, const Scalar* x, Index in_size, const Scalar* dy, Index count,
               Index m, Index j, Scalar* dw, Index rows, Index columns, AheadOfBoth ahead) {
  const Scalar* window[kPixels];
  alignas(64) Scalar panel[kPixels * T::width];
  for (const Stencil& stencil : plan.stencils) {
    Walk walk(stencil, x, in_size, plan.pixels, count);
    while (walk.left() > 0) {
      const int pixels = static_cast<int>(std::min<Index>(walk.left(), kPixels));
      pack_dy<T>(walk, pixels, dy, m, j, window, panel, dw + rows * columns + j);
      add_pixels<T>(stencil, window, panel, dw + j, columns, pixels, ahead);
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
  // Nor are there many where pixels are few: every part has sums to clear and to be added up.
  constexpr Index kMostTasks = 16, kLeastTasks = 2, kWorthPart = 256;
  const Index worth = std::max(n * plan.pixels / kWorthPart, kLeastTasks / panels);
  const Index parts = sum_parts(std::clamp<Index>(std::min(kMostTasks / panels, worth), 1, n));
  const Index steps = images * plan.steps / (kStretch * T::terms * kTileSums<T::NV>);
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
  with_layout(m, true,
              [&](auto layout) { both = dw_and_db<decltype(layout)>(*plan, dy, x, rows, m); });
  if (both.dim(1) != m) both = slice(both, 1, 0, m);
  // A copy, so that dw and db have buffers of their own, to be changed in place.
  if (db) *db = Array(Shape{m}, both.rows(rows, rows + 1).values());
  return both.rows(0, rows).reshape(w_shape);
}

}  // namespace kindling::kernels
