#include <cstdint>

#include "engine/kernels/pool2d.h"
#include "engine/kernels/pool2d_cut.h"
#include "engine/kernels/pool2d_windows.h"

// Every number of a result is written once, from what it depends on, which stays in registers on
// the way:
//
//     for some rows of windows:                               a task
//       for each window, for a register of channels at a time:
//         for each of its cells inside the image:             best = max(best, x) | total += x
//         write y (and where the best one stood)
//
// Backwards, windows that lie side by side and cover the image are walked in the same way, and each
// writes its own part of dx. Where they overlap or leave gaps the loop goes over the pixels:
//
//     for some rows of dx:                                    a task
//       for each pixel, for a register of channels at a time:
//         for each window over it:                            total += dy, if it won | dy / count
//         write dx

namespace kindling::kernels {

namespace {

using Place = std::conditional_t<sizeof(Scalar) == 8, std::int64_t, std::int32_t>;
template <int L>
using PlaceLanes = Lanes<Place, L>;  // as wide as Values, so that one can choose by the other

template <class T, int L>
simd::Vec<T, L> convert(const auto& from) {
  return __builtin_convertvector(from, simd::Vec<T, L>);
}
/// Twice as wide unsigned numbers T: the bytes of them with zeros in between.
template <class T, int L>
simd::Vec<T, L> widen(const auto& from) {
  using Halves = simd::Vec<std::remove_cvref_t<decltype(from[0])>, 2 * L>;
  return (simd::Vec<T, L>)simd::zip<Halves>(from, std::remove_cvref_t<decltype(from)>{});
}

// Places are stored as a byte or an int; to a byte and back in steps: gcc 12 makes
// one instruction of each step, but would go from 64 bits to 8 number by number.
template <int L, class Stored>
void store_places(Stored* argmax, const PlaceLanes<L>& place) {
  if constexpr (L == 1)
    *argmax = static_cast<Stored>(place);
  else if constexpr (sizeof(Stored) > 1)
    simd::store(argmax, convert<Stored, L>(place));
  else
    simd::store(argmax,
                convert<Stored, L>(convert<std::uint16_t, L>(convert<std::uint32_t, L>(place))));
}
template <int L, class Stored>
PlaceLanes<L> load_places(const Stored* argmax) {
  const auto stored = simd::load<Lanes<Stored, L>>(argmax);
  if constexpr (L == 1)
    return stored;
  else if constexpr (sizeof(Stored) > 1)
    return convert<Place, L>(stored);
  else
    return convert<Place, L>(widen<std::uint32_t, L>(widen<std::uint16_t, L>(stored)));
}

template <class Cut, class Stored, class Run>
void max_run(Cut, Run run, Index c, const Scalar* x, Scalar* y, Stored* argmax) {
  constexpr int L = Cut::kLanes;
  Cut::each_window(run.count, [&](Index k) {
    run.fetch_ahead(k, Cut::kWindows, c, x);
    Cut::each(c, [&](Index j) {
      const Scalar* in = x + run.first(k) * c + j;
      Values<L> best = Cut::column(in, c, 0);
      PlaceLanes<L> place = PlaceLanes<L>{} + static_cast<Place>(run.cell);
      for (Index a = 0; a < run.rows; ++a)
        for (Index b = 0; b < run.columns; ++b) {
          if (a + b == 0) continue;
          const Values<L> value = Cut::column(in + run.row(a) * c, c, b);
          // Greater, or not a number: but the first of those stays.
          const auto wins = ((value <= best) == 0) & (best == best);
          best = wins ? value : best;
          place = wins ? PlaceLanes<L>{} + static_cast<Place>(run.cell_at(a, b)) : place;
        }
      const Index out = (run.output + k) * c + j;
      simd::store(y + out, best);
      store_places<L>(argmax + out, place);
    });
  });
}

// For windows side by side.
template <class Cut, class Stored, class Run>
void max_dx_run(Cut, Run run, Index c, const Scalar* dy, const Stored* argmax, Scalar* dx) {
  constexpr int L = Cut::kLanes;
  using V = Values<L>;
  for (Index a = 0; a < run.rows; ++a)
    Cut::each_window(run.count, [&](Index k) {
      if (a == 0) {
        run.fetch_next(k, Cut::kWindows, c, dy);
        run.fetch_next(k, Cut::kWindows, c, argmax);
      }
      const Index in = (run.output + k) * c;
      Cut::write_row(dx + (run.first(k) + run.row(a)) * c, c, run.columns, [&](Index j) {
        const auto gradient = simd::load<V>(dy + in + j);
        const PlaceLanes<L> place = load_places<L>(argmax + in + j);
        return [gradient, place, cell = run.cell_at(a, 0)](Index b) -> V {
          return place == static_cast<Place>(cell + b) ? gradient : V{};
        };
      });
    });
}

template <int L, class Stored, class PixelRun>
void max_dx_pixels(PixelRun run, Index c, const Scalar* dy, const Stored* argmax, Scalar* dx) {
  for (Index k = 0; k < run.count; ++k)
    LaneCut<L>::each(c, [&](Index j) {
      Values<L> total{};
      for (Index a = 0; a < run.rows; ++a)
        for (Index b = 0; b < run.columns; ++b) {
          const Index in = (run.output + k + run.window(a, b)) * c + j;
          const auto here = load_places<L>(argmax + in) == static_cast<Place>(run.cell_in(a, b));
          total += here ? simd::load<Values<L>>(dy + in) : Values<L>{};
        }
      simd::store(dx + (run.pixel + k * run.stride_w) * c + j, total);
    });
}

/// The run; of windows of over 256 cells one of any extent, so that little is compiled for those.
template <class Stored, class Run>
auto suited(const Run& run) {
  if constexpr (sizeof(Stored) > 1)
    return run.of_any_extent();
  else
    return run;
}

}  // namespace

Array max_pool2d(const Array& x, const Window& window, bool ceil_mode, Argmax& argmax) {
  const Shape shape = pooled_shape(x.shape(), window, ceil_mode);
  const Pooling p(x.shape(), shape, window);
  if (window.kernel_h * window.kernel_w <= 256)
    argmax = ByteArray(shape);
  else
    argmax = IntArray(shape);
  Array y(shape);
  const Scalar* in = x.data();
  Scalar* out = y.data();
  const auto into = [&]<class Stored>(Stored* place) {
    with_lanes(p.channels, [&, c = p.channels]<int L, int C>() {
      each_run(p, [&](const auto& any) {
        const auto run = suited<Stored>(any);
        cut<L, C>(run, [&](auto cut) { max_run(cut, run, c, in, out, place); });
      });
    });
  };
  std::visit([&](auto& places) { into(places.data()); }, argmax);
  return y;
}

// y = x[argmax];  dx[argmax] += dy
Array max_pool2d_dx(const Array& dy, const Argmax& argmax, const Window& window,
                    const Shape& x_shape) {
  const Pooling p(x_shape, dy.shape(), window);
  Array dx(x_shape);
  const Scalar* in = dy.data();
  Scalar* out = dx.data();
  const auto from = [&]<class Stored>(const Stored* place) {
    with_lanes(p.channels, [&, c = p.channels]<int L, int C>() {
      if (p.tiled())
        each_run(p, [&](const auto& any) {
          const auto run = suited<Stored>(any);
          cut<L, C>(run, [&](auto cut) { max_dx_run(cut, run, c, in, place, out); });
        });
      else
        each_pixel_run(p, [&](const auto& run) {
          max_dx_pixels<C == 0 ? L : C>(suited<Stored>(run), c, in, place, out);
        });
    });
  };
  std::visit([&](const auto& places) { from(places.data()); }, argmax);
  return dx;
}

}  // namespace kindling::kernels
