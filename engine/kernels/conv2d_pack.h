#pragma once

#include <algorithm>
#include <array>

#include "engine/kernels/conv2d_tile.h"

/// The weights as register tiles read them. Only conv2d*.cpp include this.
namespace kindling::kernels {

/// A matrix whose row i is at(i)[j * step], j = 0, 1, ..., columns - 1.
template <class Row>
struct Matrix {
  const Row& at;
  Index rows, columns, step;
};

/// Columns [j, j + T::columns) of a matrix, row after row, filled up with zeros. In the layout of
/// pairs every row is zipped with the one behind it, since those of a segment may begin anywhere:
/// twice as large, but half of the cache lines are never looked at.
template <class T, class Row>
void pack_panel(const Matrix<Row>& matrix, Index j, Scalar* to) {
  const Index filled = std::min<Index>(T::columns, matrix.columns - j);
  for (Index i = 0; i < matrix.rows; ++i, to += T::width) {
    std::fill_n(to, filled < T::columns || T::pairs ? T::width : 0, Scalar{0});
    for (Index term = 0; term < T::terms && i + term < matrix.rows; ++term) {
      const Scalar* from = matrix.at(i + term) + j * matrix.step;
      if (T::terms * matrix.step == 1)
        std::copy_n(from, filled, to);
      else
        for (Index k = 0; k < filled; ++k) to[T::terms * k + term] = from[k * matrix.step];
    }
  }
}

/// The panels of a matrix, and what the sums of each begin with: a row of biases, or zeros.
///
/// What is small every thread packs for itself, when it begins: to fetch what another core has just
/// written takes longer, and so does one more meeting of the threads (3x3, 32-64 on 4x4, 64 images:
/// 35 us before, 24 since).
template <class T, class Row>
class Packed {
 public:
  Packed(const Matrix<Row>& matrix, const Array& bias)
      : matrix_(matrix),
        bias_(bias),
        panels_((matrix.columns + T::columns - 1) / T::columns),
        size_((matrix.rows + 1) * T::width),
        each_its_own_(panels_ * size_ <= kSmall),
        memory_(Shape{each_its_own_ ? max_threads() : 1, panels_ * size_}),
        data_(memory_.data()) {
    if (!each_its_own_)
      parallel_for(panels_, 4 * panels_ * size_, [&](Index i) { pack(i, data_ + i * size_); });
  }
  Index panels() const { return panels_; }

  /// Panel i, for the calling thread: its first row is what the sums begin with.
  const Scalar* panel(Index i) {
    if (!each_its_own_) return data_ + i * size_;
    Scalar* mine = data_ + thread_index() * panels_ * size_;
    if (!ready_[thread_index()]) {
      for (Index k = 0; k < panels_; ++k) pack(k, mine + k * size_);
      ready_[thread_index()] = true;
    }
    return mine + i * size_;
  }

 private:
  static constexpr Index kSmall = 32 * 1024;

  void pack(Index i, Scalar* to) {
    const auto row = [&](Index) { return bias_.data(); };
    if (bias_.defined())
      pack_panel<T>(Matrix<decltype(row)>{row, 1, matrix_.columns, 1}, i * T::columns, to);
    else
      std::fill_n(to, T::width, Scalar{0});
    pack_panel<T>(matrix_, i * T::columns, to + T::width);
  }

  const Matrix<Row> matrix_;
  const Array& bias_;
  Index panels_, size_;
  bool each_its_own_;
  Array memory_;
  Scalar* data_;
  std::array<bool, kMaxThreads> ready_{};
};

}  // namespace kindling::kernels
