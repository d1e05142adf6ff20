#pragma once

#include <algorithm>
#include <type_traits>

#include "engine/kernels/pool2d.h"
#include "engine/kernels/simd.h"
#include "engine/parallel.h"

/// Which pixels a window covers, which windows lie over a pixel, and the walks over both. What is
/// the same for many neighbours is worked out once for all of them.
namespace kindling::kernels {

template <Index N>
using Constant = std::integral_constant<Index, N>;

/// Cells of an axis or windows, [begin, end).
struct Span {
  Index begin, end;
  Index size() const { return end - begin; }
};

/// The windows along one axis of an image.
struct WindowAxis {
  Index extent, kernel, stride, padding;
  Index windows;  ///< How many there are.

  Index start(Index window) const { return window * stride - padding; }
  /// What of a window lies inside the image,
  Span inside(Index window) const {
    return {std::max<Index>(start(window), 0), std::min(start(window) + kernel, extent)};
  }
  /// and how many cells it has with the padding.
  Index with_padding(Index window) const {
    return std::min(start(window) + kernel, extent + padding) - start(window);
  }
  /// The windows over a cell, and those there would be if there were more at both ends.
  Span over(Index cell) const {
    const Span all = over_unlimited(cell);
    const Index begin = std::max<Index>(all.begin, 0);
    return {begin, std::max(begin, std::min(all.end, windows))};
  }
  Span over_unlimited(Index cell) const {
    // The last window over the cell begins r = (cell + padding) % stride before it, the i-th before
    // that one r + i stride before it: those with r + i stride < kernel reach the cell.
    const Index end = (cell + padding) / stride + 1;
    return {end - (kernel - (cell + padding) % stride + stride - 1) / stride, end};
  }
  /// How many windows, from this one on, are alike but for their place: 1 at the ends.
  Index alike(Index window) const {
    const Index whole = (extent - kernel - start(window)) / stride + 1;  // those that begin here
    const bool inside = start(window) >= 0 && start(window) + kernel <= extent;
    return inside ? std::min(whole, windows - window) : 1;
  }
  /// The same for a cell and those a stride apart.
  Index alike_cells(Index cell) const {
    const Span all = over_unlimited(cell);
    const bool inside = all.begin >= 0 && all.end <= windows;
    return inside ? std::min(windows - all.end, (extent - 1 - cell) / stride) + 1 : 1;
  }
  /// Every cell lies in exactly one window.
  bool tiled() const { return kernel == stride && start(windows) >= extent; }
};

struct Pooling {
  Index images, channels;
  WindowAxis h, w;

  Pooling(const Shape& x, const Shape& y, const Window& win)
      : images(x[0]),
        channels(x[3]),
        h{x[1], win.kernel_h, win.stride_h, win.padding_h, y[1]},
        w{x[2], win.kernel_w, win.stride_w, win.padding_w, y[2]} {}
  bool tiled() const { return h.tiled() && w.tiled(); }
  Index outputs() const { return h.windows * w.windows; }
};

/// The shape of y.
inline Shape pooled_shape(const Shape& x, const Window& w, bool ceil_mode) {
  return {x[0], window_extent(x[1], w.kernel_h, w.stride_h, w.padding_h, ceil_mode),
          window_extent(x[2], w.kernel_w, w.stride_w, w.padding_w, ceil_mode), x[3]};
}

/// Fetches so many numbers from memory. The processor sees for itself where a loop is going, but
/// not that it will jump over rows that have been read, or come to a row once more before it goes
/// on.
template <class T>
void fetch(const T* from, Index count) {
  for (Index i = 0; i < count; i += 64 / sizeof(T)) __builtin_prefetch(from + i);
}

/// Windows side by side that have the same of their cells inside the image. Pixels and outputs are
/// counted through all images.
template <class Rows, class Columns>
struct WindowRun {
  Index place;          ///< The first output, counted in its image.
  Index output, count;  ///< The first output, and how many.
  Index pixel, cell;    ///< The first one inside, and which cell of the window it is.
  Rows rows;
  Columns columns;
  Index width, kernel_w, stride_h, stride_w;

  /// Where window k begins, and how far row a lies below, in pixels and in cells.
  Index first(Index k) const { return pixel + k * stride_w; }
  Index row(Index a) const { return a * width; }
  Index cell_at(Index a, Index b) const { return cell + a * kernel_w + b; }
  /// The same run with extents that are not constants.
  WindowRun<Index, Index> of_any_extent() const {
    return {place, output, count, pixel, cell, rows, columns, width, kernel_w, stride_h, stride_w};
  }

  /// Fetches the share of some windows, from k on, of what the next row of windows brings:
  /// about twice as fast as without.
  void fetch_ahead(Index k, Index windows, Index channels, const Scalar* x) const {
    if (stride_h > rows) return;  // the last row of windows, or they lie far apart
    const Index share = stride_h * std::min<Index>(stride_w, columns) * channels;
    fetch(x + (pixel + stride_h * width) * channels + k * share, windows * share);
  }
  /// The same of arrays that have a number for every output.
  template <class T>
  void fetch_next(Index k, Index windows, Index channels, const T* y) const {
    fetch(y + (output + count + k) * channels, windows * channels);
  }
};

/// Calls body(WindowRun) until all windows of all images have been in one, in parallel.
template <class Body>
void each_run(const Pooling& p, const Body& body) {
  const Index rows = p.images * p.h.windows, row = p.h.kernel * p.w.extent * p.channels;
  parallel_chunks(rows, kChunk / std::max<Index>(row, 1) + 1, rows * row, [&](Index r, Index last) {
    for (; r < last; ++r) {
      const Index image = r / p.h.windows, oh = r % p.h.windows;
      const Span down = p.h.inside(oh);
      const Index pixel = (image * p.h.extent + down.begin) * p.w.extent;
      const Index cell = (down.begin - p.h.start(oh)) * p.w.kernel;
      for (Index ow = 0, count; ow < p.w.windows; ow += count) {
        const Span across = p.w.inside(ow);
        count = p.w.alike(ow);
        const auto call = [&](auto height, auto width) {
          body(WindowRun<decltype(height), decltype(width)>{
              oh * p.w.windows + ow, r * p.w.windows + ow, count, pixel + across.begin,
              cell + across.begin - p.w.start(ow), height, width, p.w.extent, p.w.kernel,
              p.h.stride, p.w.stride});
        };
        if (down.size() == 2 && across.size() == 2)
          call(Constant<2>{}, Constant<2>{});
        else
          call(down.size(), across.size());
      }
    }
  });
}

/// Pixels a stride apart under windows that lie over them in the same way.
template <class Rows, class Columns>
struct PixelRun {
  Index pixel, count;  ///< The first one, and how many.
  Index output, cell;  ///< Its first window, and which of the cells it is there.
  Index place;         ///< The first window, counted in its image.
  Rows rows;           ///< So many windows lie over each.
  Columns columns;
  Index width, kernel_w, stride_h, stride_w;

  Index window(Index a, Index b) const { return a * width + b; }
  Index cell_in(Index a, Index b) const { return cell - a * stride_h * kernel_w - b * stride_w; }
  /// The same run with extents that are not constants.
  PixelRun<Index, Index> of_any_extent() const {
    return {pixel, count, output, cell, place, rows, columns, width, kernel_w, stride_h, stride_w};
  }
};

/// Calls body(rows, columns), as constants where they are small: the loops over them are gone then
/// when they are compiled.
template <class Body>
void with_constants(Index rows, Index columns, const Body& body) {
  if (rows == 1 && columns == 1) return body(Constant<1>{}, Constant<1>{});
  if (rows == 1 && columns == 2) return body(Constant<1>{}, Constant<2>{});
  if (rows == 2 && columns == 1) return body(Constant<2>{}, Constant<1>{});
  if (rows == 2 && columns == 2) return body(Constant<2>{}, Constant<2>{});
  body(rows, columns);
}

/// Calls body(PixelRun) until all pixels of all images have been in one, in parallel.
template <class Body>
void each_pixel_run(const Pooling& p, const Body& body) {
  const Index rows = p.images * p.h.extent, row = p.w.extent * p.channels;
  parallel_chunks(rows, kChunk / std::max<Index>(row, 1) + 1, rows * row, [&](Index r, Index last) {
    for (; r < last; ++r) {
      const Index image = r / p.h.extent, ih = r % p.h.extent;
      const Span down = p.h.over(ih);
      // Of a pixel between the windows nobody asks for its cell, which may be beyond all numbers.
      const Index cell = down.size() > 0 ? (ih - p.h.start(down.begin)) * p.w.kernel : 0;
      for (Index phase = 0; phase < std::min(p.w.stride, p.w.extent); ++phase)
        for (Index iw = phase, count; iw < p.w.extent; iw += count * p.w.stride) {
          const Span across = p.w.over(iw);
          count = p.w.alike_cells(iw);
          const Index place = down.begin * p.w.windows + across.begin;
          const Index column = across.size() > 0 ? iw - p.w.start(across.begin) : 0;
          with_constants(down.size(), across.size(), [&](auto height, auto width) {
            body(PixelRun<decltype(height), decltype(width)>{
                r * p.w.extent + iw, count, image * p.outputs() + place, cell + column, place,
                height, width, p.w.windows, p.w.kernel, p.h.stride, p.w.stride});
          });
        }
    }
  });
}

}  // namespace kindling::kernels
