#include "engine/kernels/conv2d.h"

#include <algorithm>

#include "engine/kernels/conv2d_plan.h"
#include "engine/kernels/conv2d_tile.h"
#include "engine/kernels/conv2d_winograd.h"
#include "engine/kernels/gemm.h"

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
// dx is the same loop over dy with the weights turned around; dw has a file of its own
// (conv2d_dw.cpp). Weights are packed into panels NV vectors wide, padded with zeros to whole
// vectors, so that the loop reads them in order and M may be anything. Each sum runs in an order
// that only the shapes decide.
//
// What it bought, in GFLOP/s that count the zeros of the border (two cores, peak 235, batch 1024):
//
//                                      4x4, 32-64, stride 2      28x28, 8-8
//                                      forward   dx   dw         forward   dx   dw
//   images copied with a border          189    160  134           133     75  122
//   stencils                             247    204  238           122    123  117
//   the next tile fetched ahead          265    253  235           155    156  159
//   pairs (Layout, conv2d_tile.h)         --     --   --           189    186  165

namespace kindling::kernels {

namespace {

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

/// What is done to a tile of results while it is in the cache: y = f(y), or dx = f'(x) dx.
struct Behind {
  const Activation& f;
  const Scalar* x = nullptr;

  /// `rows` runs of `width` numbers, `pitch` apart, from number i on.
  void operator()(Scalar* out, Index i, Index rows, Index width, Index pitch) const {
    if (x)
      activate_rows_dx(out + i, x + i, rows, width, pitch, f);
    else
      activate_rows(out + i, rows, width, pitch, f);
  }
};

/// out (n, pixels, columns) = what the plan gathers from `in` times the packed weights, + bias; and
/// what comes behind.
template <class T>
void gather(const Plan& plan, const Array& in, const Array& packed, const Array& bias,
            const Behind& behind, Array& out) {
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
      behind(to, first * out_size + j, count * plan.pixels,
             std::min<Index>(T::columns, columns - j), columns);
    }
  });
}

}  // namespace

Shape conv2d_shape(const Shape& x, const Shape& w, const Window& win) {
  return {x[0], window_extent(x[1], win.kernel_h, win.stride_h, win.padding_h),
          window_extent(x[2], win.kernel_w, win.stride_w, win.padding_w), w[3]};
}

Array conv2d(const Array& x, const Array& w, const Array& b, const Window& win,
             const Activation& f) {
  const Index m = w.dim(3);
  const Shape shape = conv2d_shape(x.shape(), w.shape(), win);
  if (shape.size() == 0) return Array(shape);
  if (is_product(win))
    return activate(
        gemm(x.reshape({shape.size() / m, w.dim(2)}), w.reshape({w.dim(2), m}), Trans::none, b)
            .reshape(shape),
        f);
  if (winograd_wins(x.shape(), w.shape(), win))
    return activate(winograd(x, w, b, win.padding_h, win.padding_w), f);
  const auto plan = forward_plan(x.dim(1), x.dim(2), x.dim(3), win);
  Array y(shape);
  with_layout(m, x.dim(3), [&](auto layout) {
    using T = decltype(layout);
    Array weights = pack([&](Index i) { return w.data() + i * m; }, w.size() / m, m, 1, T::columns);
    if (T::pairs) zip_rows(weights);
    const Array bias = b.defined() ? pack([&](Index) { return b.data(); }, 1, m, 1, T::columns)
                                   : Array(Shape{weights.dim(0), 1, T::columns}, Scalar{0});
    gather<T>(*plan, x, weights, bias, Behind{f}, y);
  });
  return y;
}

Array conv2d_dx(const Array& dy, const Array& w, const Shape& x_shape, const Window& win,
                const Array& x, const Activation& f) {
  const auto in_front = [&](Array dx) {
    return x.defined() ? activate_dx(std::move(dx), x, f) : dx;
  };
  const Index c = w.dim(2), m = w.dim(3), taps = win.kernel_h * win.kernel_w;
  if (x_shape.size() == 0 || dy.size() == 0) return Array(x_shape, Scalar{0});
  if (is_product(win))
    return in_front(
        gemm(dy.reshape({dy.size() / m, m}), w.reshape({c, m}), Trans::right).reshape(x_shape));
  if (winograd_wins(x_shape, w.shape(), win))
    return in_front(winograd_dx(dy, w, x_shape, win.padding_h, win.padding_w));
  Array dx(x_shape);
  const auto plan = backward_plan(x_shape[1], x_shape[2], m, win);
  with_layout(c, m, [&](auto layout) {
    using T = decltype(layout);
    // Row (kh,kw,m) of what dy is multiplied with is w[KH-1-kh, KW-1-kw, :, m].
    const auto row = [&](Index i) { return w.data() + (taps - 1 - i / m) * c * m + i % m; };
    Array weights = pack(row, taps * m, c, m, T::columns);
    if (T::pairs) zip_rows(weights);
    const Array none(Shape{weights.dim(0), 1, T::columns}, Scalar{0});
    gather<T>(*plan, dy, weights, none, Behind{f, x.defined() ? x.data() : nullptr}, dx);
  });
  return dx;
}

}  // namespace kindling::kernels
