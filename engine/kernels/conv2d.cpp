#include "engine/kernels/conv2d.h"

#include <algorithm>

#include "engine/kernels/conv2d_pack.h"
#include "engine/kernels/conv2d_plan.h"
#include "engine/kernels/conv2d_tile.h"
#include "engine/kernels/conv2d_winograd.h"
#include "engine/kernels/gemm.h"

// Three ways to convolve: a 1x1 kernel of stride 1 is a matrix product (gemm.cpp), a 3x3 of stride
// 1 goes by Winograd's method where winograd_wins() (conv2d_winograd.cpp), and everything else is
// convolved directly. The functions at the end of this file choose; what follows is the direct way.
//
// Features last. In an image (H, W, C) the KW x C numbers that one row of the
// kernel covers lie side by side, so a convolution is a matrix product whose rows begin wherever a
// window begins: nothing is unrolled ("im2col"), nothing is padded.
//
//   for every tile of images, for every panel of NV vectors of output channels      one task
//     for every stencil: pixels that the same weights reach (conv2d_plan.h)
//       for P pixels of two images at a time              2 P x NV sums stay in registers
//         for every segment of input numbers, for every number k of it (or pair of numbers)
//           sums[p][v] += x[p][k] * w[k][v]               2 P broadcasts x NV vectors
//
// dx is the same loop over dy with the weights turned around; dw has a file of its own
// (conv2d_dw.cpp). Weights are packed into panels NV vectors wide (conv2d_pack.h), padded with
// zeros to whole vectors, so that the loop reads them in order and M may be anything. Each sum runs
// in an order that only the shapes decide.
//
// A broadcast should serve two products: a core that can begin two of them in every cycle loads
// less than two vectors. So panels are two registers wide from 9 channels on (of floats, 16 in a
// register), 32 channels side by side or 16 in pairs of terms (Layout, conv2d_tile.h).
//
// What it bought, in GFLOP/s that count the zeros of the border (two cores of a Zen 4, peak 235,
// batch 1024):
//
//                                      4x4, 32-64, stride 2      28x28, 8-8
//                                      forward   dx   dw         forward   dx   dw
//   images copied with a border          189    160  134           133     75  122
//   stencils                             247    204  238           122    123  117
//   the next tile fetched ahead          265    253  235           155    156  159
//   pairs for 8 channels                  --     --   --           189    186  165
//
// and then on a Zen 5 (peak 470), zeros not counted:
//
//                                   14x14, 8-16,            28x28, 16-16,       28x28, 1-8,
//                                   3x3, stride 2           5x5                 5x5, stride 2
//                                   forward   dx   dw       forward   dx   dw   forward dw
//   one register for 16 channels      229    152  201         302    301  244      91     83
//   two, in pairs; odd numbers in     321    176  250         376    373  296     116    122
//   pairs too; two images a tile
//   tiles of several kernel rows,     310    192  265         390    387  352     122    134
//   6 addresses for 12 pixels

namespace kindling::kernels {

namespace {

/// Pixels of a register tile, in each of two images. The two windows lie equally far apart wherever
/// they are, so that one address serves both: there are fewer registers for addresses than for
/// sums.
template <class T>
inline constexpr int kGatherPixels = kTileRows<T::NV> / 2;

/// Where a register tile reads and writes, and how far away the second image is.
template <int P>
struct Places {
  const Scalar* window[P];
  Scalar* out[P];
  Index in_apart, out_apart;
};

/// The first `count` numbers of v.
template <class V>
[[gnu::always_inline]] inline void store_first(Scalar* to, const V& v, Index count) {
  constexpr int L = sizeof(V) / sizeof(Scalar);
  if (count >= L) return simd::store(to, v);
  if constexpr (L > 4) {
    using Half = simd::Vec<Scalar, L / 2>;
    if (count < L / 2) return store_first(to, simd::part<Half, 0>(v), count);
    simd::store(to, simd::part<Half, 0>(v));
    store_first(to + L / 2, simd::part<Half, L / 2>(v), count - L / 2);
  } else {
#pragma GCC unroll 4
    for (int i = 0; i < L; ++i)
      if (i < count) to[i] = v[i];
  }
}

/// The factors of a term that is the last of an odd number: half of it goes to either lane.
template <class T>
[[gnu::always_inline]] inline std::array<typename T::V, T::NV> halves(const Scalar* row) {
  std::array<typename T::V, T::NV> factors;
  for (int v = 0; v < T::NV; ++v) {
    const auto first = simd::unzip<typename T::Half, 0>(simd::load<typename T::V>(row + v * T::L));
    factors[v] = simd::zip<typename T::V>(first, first) * Scalar{0.5};
  }
  return factors;
}

/// P pixels of I images and one panel of channels: all segments with the sums in registers. Pairs
/// of sums are added up at the end.
template <class T, int P, int I>
[[gnu::noinline]] void gather_tile(const std::vector<Segment>& segments, const Places<P>& at,
                                   const Scalar* panel, Index columns) {
  using V = typename T::V;
  Sums<T::L, T::NV, P * I> sums;  // pixel p of image i: sums.at[p * I + i]
#pragma GCC unroll 16
  for (int s = 0; s < P * I; ++s)
    for (int v = 0; v < T::NV; ++v) sums.at[s][v] = simd::load<V>(panel + v * T::L);
  const Index apart = at.in_apart;
  for (const Segment& segment : segments) {
    const Scalar* row = panel + (1 + segment.weight) * T::width;
    const Index end = segment.in + segment.length;
    Index k = segment.in;
    if constexpr (T::pairs) {
#pragma GCC unroll 2
      for (; k + 1 < end; k += 2, row += 2 * T::width)
        sums.step(
            [&](int s) { return simd::load_pairs<V>(at.window[s / I] + (k + s % I * apart)); },
            row);
    }
#pragma GCC unroll 4
    for (; k < end; ++k, row += T::width)
      sums.step([&](int s) { return at.window[s / I][k + s % I * apart]; },
                T::pairs ? halves<T>(row) : sums.row(row));
  }
#pragma GCC unroll 16
  for (int s = 0; s < P * I; ++s) {
    Scalar* to = at.out[s / I] + s % I * at.out_apart;
    const auto& sum = sums.at[s];
    if constexpr (!T::pairs) {
      for (int v = 0; v < T::NV; ++v) store_first(to + v * T::L, sum[v], columns - v * T::L);
    } else if constexpr (T::NV == 2) {
      store_first(to, simd::unzip<0>(sum[0], sum[1]) + simd::unzip<1>(sum[0], sum[1]), columns);
    } else if constexpr (I == 1) {
      using Half = typename T::Half;
      store_first(to, simd::unzip<Half, 0>(sum[0]) + simd::unzip<Half, 1>(sum[0]), columns);
    } else if (s % 2 == 1) {
      using Half = typename T::Half;
      const V &a = sums.at[s - 1][0], &b = sum[0];
      const V both = simd::unzip<0>(a, b) + simd::unzip<1>(a, b);
      store_first(to - at.out_apart, simd::part<Half, 0>(both), columns);
      store_first(to, simd::part<Half, T::L / 2>(both), columns);
    }
  }
}

/// A tile of images and one panel of channels, columns [j, j + T::columns) of out.
struct Task {
  const Plan& plan;
  Index in_size;
  const Scalar* in;
  const Scalar* panel;
  Scalar* out;
  Index columns, j;
  Ahead<0> in_ahead;  // fetches the next tile meanwhile
  Ahead<1> out_ahead;
  Ahead<0> behind_ahead;  // and what this one will meet at its end
};

/// The pixels of a stencil in `count` times I images, from image `first` on.
template <class T, int I>
void gather_pixels(Task& task, const Stencil& stencil, Index first, Index count) {
  constexpr int P = kGatherPixels<T>;
  const Index out_size = task.plan.pixels * task.columns;
  Scalar* out = task.out + first * out_size + task.j;
  Walk walk(stencil, task.in + first * task.in_size, I * task.in_size, I * task.plan.pixels, count);
  while (walk.left() > 0) {
    task.in_ahead.step();
    task.out_ahead.step();
    task.behind_ahead.step();
    with_rows<P>(walk.left(), [&](auto pixels) {
      constexpr int kPixels = decltype(pixels)::value;
      Places<kPixels> at;
      at.in_apart = task.in_size;
      at.out_apart = out_size;
      walk.take(kPixels, [&](int p, const Scalar* begin, Index pixel) {
        at.window[p] = begin;
        at.out[p] = out + pixel * task.columns;
      });
      gather_tile<T, kPixels, I>(stencil.segments, at, task.panel, task.columns - task.j);
    });
  }
}

/// The epilogue: what is done to a tile of results while it is in the cache: y = f(y), or dx =
/// f'(x) dx.
struct Epilogue {
  const Activation& f;
  const Scalar* x = nullptr;

  /// To `rows` runs of `width` numbers, `pitch` apart, from number i on.
  void operator()(Scalar* out, Index i, Index rows, Index width, Index pitch) const {
    if (x)
      activate_rows_dx(out + i, x + i, rows, width, pitch, f);
    else
      activate_rows(out + i, rows, width, pitch, f);
  }
  Ahead<0> ahead(Index i, Index numbers, Index steps) const {
    return {x ? x + i : nullptr, x ? numbers : 0, steps};
  }
};

/// out (n, pixels, columns) = what the plan gathers from `in` times the weights, + bias; then the
/// epilogue.
template <class T, class Row>
void gather(const Plan& plan, const Array& in, const Matrix<Row>& weights, const Array& bias,
            const Epilogue& epilogue, Array& out) {
  const Index n = out.dim(0), columns = out.dim(3);
  const Index in_size = in.size() / n, out_size = out.size() / n;
  Packed<T, Row> packed(weights, bias);
  const Index panels = packed.panels();
  const Index images = images_in_tile(n, in_size, out_size), tiles = (n + images - 1) / images;
  // A task does all panels of its tile, or one of them where there are few tiles.
  const Index shares = tiles >= 32 ? 1 : panels;
  Scalar* to = out.data();
  parallel_for(tiles * shares, n * plan.steps * columns, [&](Index i) {
    const Index first = i / shares * images, share = i % shares;
    const Index count = std::min(images, n - first), then = first + count;
    const Index steps = count * plan.pixels / (2 * kGatherPixels<T>);
    for (Index k = share * panels / shares; k < (share + 1) * panels / shares; ++k) {
      const Index next = k + 1 < panels ? 0 : std::min(images, n - then);
      Task task{plan,
                in_size,
                in.data() + first * in_size,
                packed.panel(k),
                to + first * out_size,
                columns,
                k * T::columns,
                {in.data() + then * in_size, next * in_size, steps},
                {to + then * out_size, next * out_size, steps},
                epilogue.ahead(first * out_size,
                               k == share * panels / shares ? count * out_size : 0, steps)};
      for (const Stencil& stencil : plan.stencils) {
        gather_pixels<T, 2>(task, stencil, 0, count / 2);
        gather_pixels<T, 1>(task, stencil, count / 2 * 2, count % 2);
      }
      epilogue(to, first * out_size + task.j, count * plan.pixels,
               std::min<Index>(T::columns, columns - task.j), columns);
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
  if (is_product(win)) {
    Array y =
        gemm(x.reshape({shape.size() / m, w.dim(2)}), w.reshape({w.dim(2), m}), Trans::none, b)
            .reshape(shape);
    return activate(std::move(y), f);  // in place, as no other view of it is left
  }
  if (winograd_wins(x.shape(), w.shape(), win))
    return activate(winograd(x, w, b, win.padding_h, win.padding_w), f);
  const auto plan = forward_plan(x.dim(1), x.dim(2), x.dim(3), win);
  Array y(shape);
  with_layout(m, x.dim(3) % 2 == 0, [&](auto layout) {
    using T = decltype(layout);
    const auto row = [&](Index i) { return w.data() + i * m; };
    gather<T>(*plan, x, Matrix<decltype(row)>{row, w.size() / m, m, 1}, b, Epilogue{f}, y);
  });
  return y;
}

Array conv2d_dx(const Array& dy, const Array& w, const Shape& x_shape, const Window& win,
                const Array& x, const Activation& f) {
  const auto activation_dx = [&](Array dx) {
    return x.defined() ? activate_dx(std::move(dx), x, f) : dx;
  };
  const Index c = w.dim(2), m = w.dim(3), taps = win.kernel_h * win.kernel_w;
  if (x_shape.size() == 0 || dy.size() == 0) return Array(x_shape, Scalar{0});
  if (is_product(win)) {
    Array dx =
        gemm(dy.reshape({dy.size() / m, m}), w.reshape({c, m}), Trans::right).reshape(x_shape);
    return activation_dx(std::move(dx));
  }
  if (winograd_wins(x_shape, w.shape(), win))
    return activation_dx(winograd_dx(dy, w, x_shape, win.padding_h, win.padding_w));
  Array dx(x_shape);
  const auto plan = backward_plan(x_shape[1], x_shape[2], m, win);
  with_layout(c, m % 2 == 0, [&](auto layout) {
    using T = decltype(layout);
    // Row (kh,kw,m) of what dy is multiplied with is w[KH-1-kh, KW-1-kw, :, m].
    const auto row = [&](Index i) { return w.data() + (taps - 1 - i / m) * c * m + i % m; };
    gather<T>(*plan, dy, Matrix<decltype(row)>{row, taps * m, c, m}, Array(),
              Epilogue{f, x.defined() ? x.data() : nullptr}, dx);
  });
  return dx;
}

}  // namespace kindling::kernels
