#include "engine/kernels/gemm.h"

#include <algorithm>

#include "engine/kernels/gemm_pack.h"
#include "engine/kernels/gemm_tile.h"
#include "engine/kernels/gemm_vector.h"
#include "engine/kernels/reduce.h"
#include "engine/parallel.h"

// The five loops of a matrix product C = A B, (N, K) x (K, M) -> (N, M), after Goto and van de
// Geijn (2008) and BLIS (Van Zee and van de Geijn, 2015):
//
//   5  for blocks of columns of C       |  a task each: the threads share C in two dimensions, and
//   4    for blocks of rows of C        |  also k when C is tiny and k long
//   3      for depths of k              kDepth steps of k: the block of A stays in the second cache
//   2        for panels of the block    kPanel columns of B: stay in the nearer cache while ...
//   1          for tiles of the panel   ... kRows rows of A pass by
//                for k                  gemm_tile.h: the sums stay in registers
//
// The tiles read their operands strip by strip, where they lie if that is nearly as good as a copy,
// else from packed copies (gemm_pack.h). All cuts depend on the shapes alone, and so does the order
// of every sum.

namespace kindling::kernels {

namespace {

constexpr Index ceil_div(Index a, Index b) { return (a + b - 1) / b; }

#ifndef KC
#define KC 384
#define MT 16
#define NP 8
#endif
constexpr Index kDepth = KC;
constexpr Index kTilesInBlock = MT, kPanelsInBlock = NP;
#ifndef NEAR
#define NEAR 16384
#endif
constexpr Index kNear = NEAR;
constexpr Index kParts = 8;
constexpr Index kSmall = 16 * 1024;  ///< Numbers in a C so small that k is shared.

struct Range {
  Index begin, end;
  /// Part i of n nearly equal ones of [0, count).
  Range(Index count, Index i, Index n) : begin(i * count / n), end((i + 1) * count / n) {}
  Index size() const { return end - begin; }
};

/// How the work is cut into tasks. Only `parts` has a say in the order of a sum.
struct Tasks {
  Index matrices, rows, columns, parts;
  bool alone;

  Tasks(Index batch, Index k, const Cut& tiles, const Cut& panels)
      : matrices(batch), rows(1), columns(ceil_div(panels.count, kPanelsInBlock)), parts(1) {
    const Index work = batch * tiles.extent * panels.extent * k;
    alone = work < 16 * kGrain;
    if (k >= kParts * kDepth && batch * tiles.extent * panels.extent <= kSmall) parts = kParts;
    const Index threads = alone ? 1 : max_threads();
    if (count() % threads == 0) return;
    const Index more = ceil_div(columns, threads) * threads;
    // Either all threads along the rows, each packing all of B, or along the columns.
    const auto cost = [&](Index r, Index c) {
      return (ceil_div(tiles.count, r) * kRows + 6) * ceil_div(panels.count, c) * c;
    };
    if (cost(threads, columns) <= cost(1, more) * threads)
      rows = std::min(threads, tiles.count);
    else
      columns = std::min(more, panels.count);
  }
  Index count() const { return matrices * rows * columns * parts; }
};

/// One task: a block of C, whose rows are M numbers long, summed over some steps.
void multiply_block(const Operand& a, const Operand& b, Range tiles, Range panels, Range k,
                    Scalar* c, Index m, Scalar* scratch) {
  const Index depth = ceil_div(k.size(), ceil_div(k.size(), kDepth));
  const bool pack_a = a.across == 1 && panels.size() >= 3 && a.step > kRows;
  const bool pack_b = b.across != 1 || (tiles.size() >= 4 && k.size() * b.cut.extent > kNear);
  TileTask t;
  t.c_row = m;
  for (Index p = k.begin; p < k.end; p += depth) {
    t.k = std::min(depth, k.end - p);
    t.add = p > k.begin;
    Block right(b, p, t.k);
    if (pack_b)
      right.pack(panels.begin, panels.end, scratch);
    else if (b.cut.width(panels.end - 1) != b.cut.size(panels.end - 1))
      right.pack(panels.end - 1, panels.end, scratch);
    for (Index begin = tiles.begin; begin < tiles.end; begin += kTilesInBlock) {
      const Index end = std::min(begin + kTilesInBlock, tiles.end);
      Block left(a, p, t.k);
      if (pack_a) left.pack(begin, end, scratch + panels.size() * kPanel * depth);
      for (Index panel = panels.begin; panel < panels.end; ++panel) {
        const Strip columns = right[panel];
        t.b = columns.data;
        t.b_k = columns.step;
        t.columns = b.cut.size(panel);
        const Tile* tile_of = &kTiles[ceil_div(t.columns, kUnit) - 1];
        for (Index tile = begin; tile < end; ++tile) {
          const Strip rows = left[tile];
          t.a = rows.data;
          t.a_row = rows.across;
          t.a_k = rows.step;
          t.c = c + a.cut.begin(tile) * m + panel * kPanel;
          tile_of[(a.cut.size(tile) - 1) * kUnits](t);
        }
      }
    }
  }
}

/// `batch` vectors of length k times matrices (k, m) whose columns or rows are contiguous.
Array multiply_vectors(const Scalar* x, const Scalar* matrix, bool columns, Index batch, Index k,
                       Index m, const Shape& shape) {
  constexpr Index kColumns = 64;
  Array c(shape);
  Scalar* c_data = c.data();
  const Index pieces = ceil_div(m, kColumns);
  parallel_for(batch * pieces, batch * k * m / 4, [&](Index task) {
    const Index i = task / pieces, j = task % pieces * kColumns, n = std::min(kColumns, m - j);
    const Scalar *from = x + i * k, *b = matrix + i * k * m;
    if (columns)
      dot_columns(from, k, b + j * k, k, c_data + i * m + j, n);
    else
      combine_columns(from, k, b + j, m, c_data + i * m + j, n);
  });
  return c;
}

}  // namespace

Array gemm(const Array& a, const Array& b, Trans trans) {
  const bool ta = trans == Trans::left || trans == Trans::both;
  const bool tb = trans == Trans::right || trans == Trans::both;
  const Index batch = a.rank() == 3 ? a.dim(0) : 1;
  const Index n = a.dim(ta ? -1 : -2), k = a.dim(ta ? -2 : -1), m = b.dim(tb ? -2 : -1);
  const Shape shape = a.rank() == 3 ? Shape{batch, n, m} : Shape{n, m};
  if (shape.size() == 0 || k == 0) return Array(shape, Scalar{0});

  // A vector looks the same however it is turned, and so does C: (N, K) (K, 1) is (1, K) (K, N).
  if (n == 1) return multiply_vectors(a.data(), b.data(), tb, batch, k, m, shape);
  if (m == 1) return multiply_vectors(b.data(), a.data(), !ta, batch, k, n, shape);

  const Cut tiles{n, kRows, true}, panels{m, kPanel, false};
  const Tasks tasks(batch, k, tiles, panels);
  const Index depth = std::min(k, kDepth);
  const Index room = depth * (ceil_div(panels.count, tasks.columns) * kPanel +
                              (ta ? std::min(tiles.count, kTilesInBlock) * kRows : 0));
  Array scratch(Shape{tasks.alone ? 1 : max_threads(), room});
  Array c = tasks.parts == 1 ? Array(shape) : Array(Shape{tasks.parts, shape.size()});
  Scalar *c_data = c.data(), *scratch_data = scratch.data();
  const Scalar *a_data = a.data(), *b_data = b.data();
  parallel_for(tasks.count(), tasks.alone ? 0 : kGrain, [&](Index task) {
    const Index row = task % tasks.rows, column = task / tasks.rows % tasks.columns;
    const Index rest = task / (tasks.columns * tasks.rows);
    const Index part = rest % tasks.parts, matrix = rest / tasks.parts;
    multiply_block({a_data + matrix * n * k, ta ? n : 1, ta ? 1 : k, tiles},
                   {b_data + matrix * k * m, tb ? 1 : m, tb ? k : 1, panels},
                   Range(tiles.count, row, tasks.rows), Range(panels.count, column, tasks.columns),
                   Range(k, part, tasks.parts), c_data + (part * batch + matrix) * n * m, m,
                   scratch_data + thread_index() * room);
  });
  return tasks.parts == 1 ? c : sum(c, {0}).reshape(shape);
}

}  // namespace kindling::kernels
