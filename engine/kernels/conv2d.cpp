#include "engine/kernels/conv2d.h"

#include <algorithm>
#include <cstdint>

#include "engine/kernels/conv2d_plan.h"
#include "engine/kernels/conv2d_tile.h"
#include "engine/kernels/conv2d_winograd.h"
#include "engine/kernels/gemm.h"
#include "engine/kernels/layout.h"
#include "engine/kernels/reduce.h"

// Direct convolution, features last. In an image (H, W, C) the KW x C numbers that one row of the
// kernel covers lie side by side, so a convolution is a matrix product whose rows begin wherever a
// window begins: nothing is unrolled ("im2col"), nothing is padded.
//
//   for every tile of images, for every panel of NV vectors of output channels      one task
//     for every stencil: pixels that the same weights reach (conv2d_plan.h)
//       for P pixels at a time                              P x NV sums stay in registers
//         for every segment of input numbers, for every number k of it
//           sums[p][v] += x[p][k] * w[k][v]                 P broadcasts x NV vectors
//
// dx is the same loop over dy with the weights turned around. dw swaps the roles: its register tile
// holds R x NV weights, and the pixels of a stencil are what it sums over. Weights (for dw: dy) are
// packed into panels NV vectors wide, padded with zeros to whole vectors, so that the loop reads
// them in order and M may be anything. Each sum runs in an order that only the shapes decide.

namespace kindling::kernels {

namespace {

/// Numbers of a tile of images, input and output together: about half the second-level cache.
constexpr Index kTileSize = 64 * 1024;

Index images_in_tile(Index n, Index in, Index out) {
  return std::clamp<Index>(kTileSize / std::max<Index>(in + out, 1), 1, std::max<Index>(n / 8, 1));
}

/// The pixels of a stencil in a tile of images, one after the other.
class Walk {
 public:
  /// Of `count` images, each `size` numbers long.
  Walk(const Plan& plan, const Stencil& stencil, const Scalar* images, Index size, Index count)
      : pixels_(stencil.pixels),
        images_(images),
        size_(size),
        image_pixels_(plan.pixels),
        left_(count * std::ssize(stencil.pixels)) {}
  Index left() const { return left_; }

  /// Calls f(i, window, number of the pixel in the tile) for the next `count`, i = 0, 1, ...
  template <class F>
  [[gnu::always_inline]] void take(int count, const F& f) {
    left_ -= count;
    for (int i = 0; i < count;) {
      const Scalar* image = images_ + image_ * size_;
      const Index first = image_ * image_pixels_;
      const Stencil::Pixel* pixel = pixels_.data() + pixel_;
      const int stop = static_cast<int>(std::min<Index>(count, i + std::ssize(pixels_) - pixel_));
      pixel_ += stop - i;
      for (; i < stop; ++i, ++pixel) f(i, image + pixel->in, first + pixel->out);
      if (pixel_ == std::ssize(pixels_)) pixel_ = 0, ++image_;
    }
  }

 private:
  const std::vector<Stencil::Pixel>& pixels_;
  const Scalar* images_;
  Index size_, image_pixels_, left_, image_ = 0, pixel_ = 0;
};

/// Pixels of a register tile. Every one has an address of its own: with one vector each, eight fit
/// the registers.
template <class T>
inline constexpr int kGatherRows = std::min(kTileRows<T::NV>, T::NV == 1 ? 8 : 12);

/// out of P pixels and one panel of channels: all segments with the sums in registers.
template <class T, int P>
[[gnu::noinline]] void gather_tile(const std::vector<Segment>& segments,
                                   const Scalar* const* window, const Scalar* panel,
                                   const Scalar* bias, Scalar* const* out, Index columns) {
  using V = typename T::V;
  Sums<T::L, T::NV, P> sums;
#pragma GCC unroll 16
  for (int p = 0; p < P; ++p)
    for (int v = 0; v < T::NV; ++v) sums.at[p][v] = T::pairs ? V{} : simd::load<V>(bias + v * T::L);
  for (const Segment& segment : segments) {
    const Scalar* row = panel + segment.weight * T::columns;
    const Index end = segment.in + segment.length;
    if constexpr (T::pairs) {
#pragma GCC unroll 2
      for (Index k = segment.in; k < end; k += 2, row += T::L)
        sums.step_pairs([&](int p) { return window[p] + k; }, row);
    } else {
#pragma GCC unroll 4
      for (Index k = segment.in; k < end; ++k, row += T::columns)
        sums.step([&](int p) { return window[p][k]; }, row);
    }
  }
  // Sums that are fewer than the register holds go through memory.
  alignas(64) Scalar whole[P][T::columns];
  Scalar* to[P];
  for (int p = 0; p < P; ++p) to[p] = columns >= T::columns ? out[p] : whole[p];
#pragma GCC unroll 16
  for (int p = 0; p < P; ++p) {
    if constexpr (T::pairs) {
      using Half = typename T::Half;
      const V& sum = sums.at[p][0];
      simd::store(to[p],
                  simd::unzip<Half, 0>(sum) + simd::unzip<Half, 1>(sum) + simd::load<Half>(bias));
    } else {
      for (int v = 0; v < T::NV; ++v) simd::store(to[p] + v * T::L, sums.at[p][v]);
    }
  }
  if (columns >= T::columns) return;
  for (int p = 0; p < P; ++p) std::copy_n(whole[p], columns, out[p]);
}

/// A tile of images, one panel of channels: columns [j, j + T::columns) of out. While it computes,
/// steps ahead in memory.
template <class T>
void gather_panel(const Plan& plan, const Scalar* tile, Index in_size, Index count,
                  const Scalar* panel, const Scalar* bias, Scalar* out, Index columns, Index j,
                  Ahead<0> in_ahead, Ahead<1> out_ahead) {
  constexpr int P = kGatherRows<T>;
  for (const Stencil& stencil : plan.stencils) {
    Walk walk(plan, stencil, tile, in_size, count);
    while (walk.left() > 0) {
      in_ahead.step();
      out_ahead.step();
      with_rows<P>(walk.left(), [&](auto pixels) {
        constexpr int kPixels = decltype(pixels)::value;
        const Scalar* window[kPixels];
        Scalar* result[kPixels];
        walk.take(kPixels, [&](int p, const Scalar* begin, Index pixel) {
          window[p] = begin;
          result[p] = out + pixel * columns + j;
        });
        gather_tile<T, kPixels>(stencil.segments, window, panel, bias, result, columns - j);
      });
    }
  }
}

/// out (n, pixels, columns) = what the plan gathers from `in` times the packed weights, + bias.
template <class T>
void gather(const Plan& plan, const Array& in, const Array& packed, const Array& bias, Array& out) {
  const Index n = out.dim(0), columns = out.dim(3);
  const Index in_size = in.size() / n, out_size = out.size() / n;
  const Index panels = packed.dim(0), rows = packed.dim(1);
  const Index images = images_in_tile(n, in_size, out_size), tiles = (n + images - 1) / images;
  // A task does all panels of its tile, or one of them where there are few tiles.
  const Index shares = tiles >= 32 ? 1 : panels;
  Scalar* to = out.data();
  parallel_for(tiles * shares, n * plan.steps * columns, [&](Index task) {
    const Index first = task / shares * images, share = task % shares;
    const Index count = std::min(images, n - first), then = first + count;
    const Index steps = count * plan.pixels / kGatherRows<T>;
    for (Index i = share * panels / shares; i < (share + 1) * panels / shares; ++i) {
      const Index j = i * T::columns, next = i + 1 < panels ? 0 : std::min(images, n - then);
      gather_panel<T>(plan, in.data() + first * in_size, in_size, count, packed.data() + j * rows,
                      bias.data() + j, to + first * out_size, columns, j,
                      {in.data() + then * in_size, next * in_size, steps},
                      {to + then * out_size, next * out_size, steps});
    }
  });
}

/// Pixel by pixel a product with the same matrix: gradients are then best left to gemm. (The
/// forward is not, for the sake of its bias.)
bool is_product(const Window& win) {
  return win.kernel_h * win.kernel_w * win.stride_h * win.stride_w == 1 &&
         win.padding_h + win.padding_w == 0;
}

}  // namespace

Array conv2d(const Array& x, const Array& w, const Array& b, const Window& win) {
  const Index m = w.dim(3);
  if (winograd_wins(x.shape(), w.shape(), win))
    return winograd(x, w, b, win.padding_h, win.padding_w);
  const auto plan = forward_plan(x.dim(1), x.dim(2), x.dim(3), win);
  Array y(Shape{x.dim(0), window_extent(x.dim(1), win.kernel_h, win.stride_h, win.padding_h),
                window_extent(x.dim(2), win.kernel_w, win.stride_w, win.padding_w), m});
  if (y.size() == 0) return y;
  with_layout(m, x.dim(3), [&](auto layout) {
    using T = decltype(layout);
    Array weights = pack([&](Index i) { return w.data() + i * m; }, w.size() / m, m, 1, T::columns);
    if (T::pairs) zip_rows(weights);
    const Array bias = b.defined() ? pack([&](Index) { return b.data(); }, 1, m, 1, T::columns)
                                   : Array(Shape{weights.dim(0), 1, T::columns}, Scalar{0});
    gather<T>(*plan, x, weights, bias, y);
  });
  return y;
}

Array conv2d_dx(const Array& dy, const Array& w, const Shape& x_shape, const Window& win) {
  const Index c = w.dim(2), m = w.dim(3), taps = win.kernel_h * win.kernel_w;
  Array dx(x_shape);
  if (dx.size() == 0) return dx;
  if (dy.size() == 0) return Array(x_shape, Scalar{0});
  if (is_product(win))
    return gemm(dy.reshape({-1, m}), w.reshape({c, m}), Trans::right).reshape(x_shape);
  if (winograd_wins(x_shape, w.shape(), win))
    return winograd_dx(dy, w, x_shape, win.padding_h, win.padding_w);
  const auto plan = backward_plan(x_shape[1], x_shape[2], m, win);
  with_layout(c, m, [&](auto layout) {
    using T = decltype(layout);
    // Row (kh,kw,m) of what dy is multiplied with is w[KH-1-kh, KW-1-kw, :, m].
    const auto row = [&](Index i) { return w.data() + (taps - 1 - i / m) * c * m + i % m; };
    Array weights = pack(row, taps * m, c, m, T::columns);
    if (T::pairs) zip_rows(weights);
    gather<T>(*plan, dy, weights, Array(Shape{weights.dim(0), 1, T::columns}, Scalar{0}), dx);
  });
  return dx;
}

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
    return gemm(x.reshape({-1, w_shape[2]}), dy.reshape({-1, m}), Trans::left).reshape(w_shape);
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
