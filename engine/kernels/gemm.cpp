#include "engine/kernels/gemm.h"

#include <algorithm>

#include "engine/kernels/elementwise.h"
#include "engine/kernels/gemm_pack.h"
#include "engine/kernels/gemm_tile.h"
#include "engine/kernels/gemm_vector.h"
#include "engine/kernels/reduce.h"
#include "engine/parallel.h"

// The five loops of a matrix product C = A B, (N, K) x (K, M) -> (N, M), after Goto and van de
// Geijn ("Anatomy of high-performance matrix multiplication", 2008) and BLIS (Van Zee and van de
// Geijn, 2015):
//
// clang-format off
//   5  for blocks of C                 a task each; the threads share rows, columns or both
//        |                             (and k where C is tiny and k is long)
//   4    for depths of k               pack a block of B: 512 x 512, stays in the caches
//          |
//   3      for blocks of rows          128 rows of A: stay in the second cache, packed if need be
//            |
//   2        for panels                a panel of B: 512 x 32, is read again and again while ...
//              |
//   1          for tiles               ... 8 rows of A after the other pass by
//                |
//                for k                 gemm_tile.h: 8 x 32 sums stay in registers
//
// What each level bought, 1024 x 1024 x 1024 in float on two cores of a Zen 4 (peak 235 GFLOP/s):
//
//   the formula, i j k          0.6 GFLOP/s   every step misses the cache and waits for the last
//   i k j                        38           rows of B and C in vectors; C through the cache
//   tile of 8 x 32 sums         105           nothing but broadcasts and multiply-adds is left
//   B in panels                 110           whole cache lines, no two in one another's way
//   blocks                      109           nothing yet: B is in the caches; larger products need it
//   two threads                 206
// clang-format on
//
// Each thread packs for itself what it reads: a block that another core has written is slower to
// get than to copy again. The rows of A are read where they lie, and B too where that is as good.
// A whose steps are rows is packed, and its next steps are fetched meanwhile: they lie far apart,
// and packing took a fifth of the time (A'B of 1024: 332 GFLOP/s before, 384 with that and with
// blocks of B twice as wide, on two cores of a Zen 5 with a peak of 465 to 490). Gradients of
// weights have a long k and short rows; packing them took longer than it saved (64 x 16384 x 128:
// 229 before, 348 in slices of k that stay in the second cache).
//
// How the rows and columns are cut never changes a bit of the result: every number of C is one sum
// over k, in an order that only the shapes decide.

namespace kindling::kernels {

namespace {

constexpr Index ceil_div(Index a, Index b) { return (a + b - 1) / b; }

/// Steps of k in a block of B: with 16 panels of columns it fills the second cache (1 MB), with
/// fewer it may be deeper. The deeper, the less often C is read and written.
constexpr Index kDepth = 512, kDeepest = 1024, kPanelsInBlock = 16;
/// Tiles in a block of A (256 KB), which is read again with every panel of B.
constexpr Index kTilesInBlock = 16;
/// A matrix B of so few numbers (64 KB) is read where it lies.
constexpr Index kNear = 64 * 1024 / sizeof(Scalar);
/// A row of A and one of B count as short when they have so many numbers together.
constexpr Index kShortRows = 512;
/// Numbers of such rows that are read for a tile of C and then for the next one (256 KB).
constexpr Index kSteps = 256 * 1024 / sizeof(Scalar);
/// A tiny C with a long k is cut along k, into as many parts whatever the number of threads.
constexpr Index kParts = 8, kTiny = 16 * 1024, kLong = 3 * 1024;

/// Packing a column of B takes about as long as multiplying it with so many rows.
constexpr Index kPackingRows = 6;

/// Whether each step is a short row of both operands, as in the gradient of weights, where k is
/// long and C small. They are multiplied where they lie: packing would cost more than it brings.
bool in_rows(const Operand& a, const Operand& b) {
  return a.across == 1 && b.across == 1 && a.cut.extent + b.cut.extent <= kShortRows;
}

/// At most so many steps at once, in whole units, of which packing turns a square at a time. The
/// shapes alone decide.
Index most_steps(const Operand& a, const Operand& b) {
  const Index fit = in_rows(a, b) ? kSteps / (a.cut.extent + b.cut.extent)
                                  : kDepth * kPanelsInBlock / std::min(b.cut.count, kPanelsInBlock);
  return std::min(fit, kDeepest) / kUnit * kUnit;
}

/// Steps at once, for `steps` in all: always about as many.
Index even_depth(Index steps, Index most) {
  return ceil_div(steps, ceil_div(steps, most) * kUnit) * kUnit;
}

struct Range {
  Index begin, end;
  Index size() const { return end - begin; }
};
/// Part i of n nearly equal ones of [0, count).
Range part_of(Index count, Index i, Index n) { return {i * count / n, (i + 1) * count / n}; }

/// Into how many parts k is cut, for so many numbers of C.
Index parts_of(Index k, Index size) { return k >= kLong && size <= kTiny ? sum_parts(kParts) : 1; }

/// How the work is cut into tasks. Rows and columns are cut for the threads there are, which no sum
/// notices; only `parts` has a say in the order of a sum, and that depends on the shapes.
struct Tasks {
  Index matrices, rows = 1, columns, parts;
  bool alone;  ///< Not worth a second thread.

  Tasks(Index batch, Index k, const StripCut& tiles, const StripCut& panels)
      : matrices(batch),
        columns(ceil_div(panels.count, kPanelsInBlock)),
        parts(parts_of(k, batch * tiles.extent * panels.extent)),
        alone(batch * tiles.extent * panels.extent * k < 16 * kGrain) {
    const Index threads = alone ? 1 : max_threads();
    if (count() % threads == 0) return;
    // Either along the rows, where each thread packs all of B, or along the columns, where the
    // shares may be less even. In rows times units, of the thread that has the most to do:
    const Index more = ceil_div(columns, threads) * threads;
    const Index by_rows = (ceil_div(tiles.count, threads) * kMostRows + kPackingRows) *
                          ceil_div(panels.extent, kUnit);
    const Index by_columns =
        (tiles.extent + kPackingRows) * (more / threads) * (ceil_div(panels.count, more) * kUnits);
    if (by_rows <= by_columns)
      rows = std::min(threads, tiles.count);
    else
      columns = std::min(more, panels.count);
  }
  Index count() const { return matrices * rows * columns * parts; }
};

/// Loops 2 and 1. `t` knows what all tiles share; c is the first element of C, which has sums
/// already if `add`, and otherwise begins with `row`, if there is one.
void multiply_panels(const Strips& a, const Strips& b, Range tiles, Range panels, TileTask t,
                     Scalar* c, bool add, const Scalar* row) {
  for (Index panel = panels.begin; panel < panels.end; ++panel) {
    const Strip columns = b[panel];
    t.b = columns.data;
    t.b_k = columns.step;
    t.columns = columns.size;
    const Tiles* tiles_of = &kTiles[ceil_div(columns.size, kUnit) - 1];
    for (Index tile = tiles.begin; tile < tiles.end; tile += t.tiles) {
      // As many at once as are equally high.
      t.tiles = std::max<Index>(std::min(tiles.end, a.cut().whole) - tile, 1);
      const Strip rows = a[tile];
      t.a = rows.data;
      t.a_row = rows.across;
      t.a_k = rows.step;
      t.a_tile = rows.next;
      t.c = c + rows.begin * t.c_row + columns.begin;
      t.start = add ? t.c : row ? row + columns.begin : nullptr;
      t.start_row = add ? t.c_row : 0;
      tiles_of[(rows.size - 1) * kUnits](t);
    }
  }
}

/// Loops 4 and 3: one task, a block of C summed over the steps `k`.
void multiply_block(const Operand& a, const Operand& b, Range tiles, Range panels, Range k,
                    Scalar* c, const Scalar* row, Scalar* scratch) {
  const Index depth = even_depth(k.size(), most_steps(a, b));
  // A is nearly always fine where it lies: its numbers are read one by one. Not so when every step
  // is a row of its own, each in another page of memory.
  const bool pack_a = a.step > kMostRows && panels.size() > 2 && !in_rows(a, b);
  const bool pack_b =
      b.across != 1 || (tiles.size() > 3 && k.size() * b.cut.extent > kNear && !in_rows(a, b));
  const bool pack_rest = b.cut.width(panels.end - 1) != b.cut.size(panels.end - 1);
  for (Index p = k.begin; p < k.end; p += depth) {
    TileTask t{};
    t.k = std::min(depth, k.end - p);
    t.c_row = b.cut.extent;
    Strips right(b, p, t.k);
    if (pack_b || pack_rest)
      right.pack(pack_b ? panels.begin : panels.end - 1, panels.end, scratch);
    for (Index begin = tiles.begin; begin < tiles.end; begin += kTilesInBlock) {
      const Range block{begin, std::min(begin + kTilesInBlock, tiles.end)};
      Strips left(a, p, t.k);
      if (pack_a) left.pack(block.begin, block.end, scratch + panels.size() * kPanel * depth);
      multiply_panels(left, right, block, panels, t, c, p > k.begin, row);
    }
  }
}

/// `batch` vectors of length k times matrices (k, m) whose columns or rows are contiguous.
Array multiply_vectors(const Scalar* x, const Scalar* matrix, bool columns, Index batch, Index k,
                       Index m, const Shape& shape) {
  constexpr Index kColumns = 64;
  const Index pieces = ceil_div(m, kColumns), parts = parts_of(k, batch * m);
  Array c(parts == 1 ? shape : Shape{parts, batch * m});
  Scalar* c_data = c.data();
  parallel_for(parts * batch * pieces, batch * k * m / 4, [&](Index task) {
    const Index j = task % pieces * kColumns, n = std::min(kColumns, m - j);
    const Index i = task / pieces % batch, part = task / pieces / batch;
    const Range steps = part_of(k, part, parts);
    const Scalar *from = x + i * k + steps.begin, *b = matrix + i * k * m;
    Scalar* to = c_data + (part * batch + i) * m + j;
    if (columns)
      dot_columns(from, steps.size(), b + j * k + steps.begin, k, to, n);
    else
      combine_columns(from, steps.size(), b + steps.begin * m + j, m, to, n);
  });
  return parts == 1 ? c : sum(c, {0}).reshape(shape);
}

}  // namespace

Array gemm(const Array& a, const Array& b, Trans trans, const Array& row) {
  const bool ta = trans == Trans::left || trans == Trans::both;
  const bool tb = trans == Trans::right || trans == Trans::both;
  const Index batch = a.rank() == 3 ? a.dim(0) : 1;
  const Index n = a.dim(ta ? -1 : -2), k = a.dim(ta ? -2 : -1), m = b.dim(tb ? -2 : -1);
  const Shape shape = a.rank() == 3 ? Shape{batch, n, m} : Shape{n, m};
  const auto plus_row = [&](Array c) {
    const auto plus = [](const auto& x, const auto& y) { return x + y; };
    return row.defined() ? map_over(std::move(c), plus, row) : c;
  };
  if (shape.size() == 0) return Array(shape);
  if (k == 0) return plus_row(Array(shape, Scalar{0}));

  // A vector looks the same however it is turned, and so does C: (N, K) (K, 1) is (1, K) (K, N).
  if (n == 1) return plus_row(multiply_vectors(a.data(), b.data(), tb, batch, k, m, shape));
  if (m == 1) return plus_row(multiply_vectors(b.data(), a.data(), !ta, batch, k, n, shape));

  const StripCut tiles{n, kMostRows, true}, panels{m, kPanel, false};
  const Operand left{a.data(), ta ? n : 1, ta ? 1 : k, tiles};
  const Operand right{b.data(), tb ? 1 : m, tb ? k : 1, panels};
  const Tasks tasks(batch, k, tiles, panels);
  const Index room = std::min(ceil_div(k, kUnit) * kUnit, most_steps(left, right)) *
                     (ceil_div(panels.count, tasks.columns) * kPanel +
                      (ta ? std::min(tiles.count, kTilesInBlock) * kMostRows : 0));
  Array scratch(Shape{tasks.alone ? 1 : max_threads(), room});
  Array c = tasks.parts == 1 ? Array(shape) : Array(Shape{tasks.parts, shape.size()});
  Scalar *c_data = c.data(), *scratch_data = scratch.data();
  const Scalar* row_data = row.defined() && tasks.parts == 1 ? row.data() : nullptr;
  parallel_for(tasks.count(), tasks.alone ? 0 : kGrain, [&](Index task) {
    const Index stripe = task % tasks.rows, column = task / tasks.rows % tasks.columns;
    const Index rest = task / (tasks.columns * tasks.rows);
    const Index part = rest % tasks.parts, matrix = rest / tasks.parts;
    Operand x = left, y = right;
    x.data += matrix * n * k;
    y.data += matrix * k * m;
    multiply_block(x, y, part_of(tiles.count, stripe, tasks.rows),
                   part_of(panels.count, column, tasks.columns), part_of(k, part, tasks.parts),
                   c_data + (part * batch + matrix) * n * m, row_data,
                   scratch_data + (tasks.alone ? 0 : thread_index()) * room);
  });
  return tasks.parts == 1 ? c : plus_row(sum(c, {0}).reshape(shape));
}

}  // namespace kindling::kernels
