#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "engine/array.h"
#include "engine/tensor.h"

namespace kindling {

/// What a model should say: class labels (N), or values to regress (N, ...).
using Target = std::variant<IntArray, Tensor>;

/// Some rows of a dataset: what goes into the model and what should come out. A batch owns its
/// buffers.
struct Batch {
  std::vector<Tensor> xs;  ///< The inputs, N rows each; a model of one input expects exactly one.
  Target y;                ///< N rows.

  /// N. Throws Error when there is no input.
  Index size() const;
  /// The class labels (N). Throws Error when y holds values.
  const IntArray& labels() const;
  /// The values (N, ...). Throws Error when y holds labels.
  const Tensor& values() const;
};

/// Numbered rows, from which batches are put together. Whole batches and not single rows, because
/// a batch is one buffer and its rows can be gathered in parallel.
class Dataset {
 public:
  virtual ~Dataset() = default;
  virtual Index size() const = 0;  ///< How many rows it has.
  /// The rows with these numbers, in this order. Throws ShapeError for a number outside
  /// [0, size()).
  virtual Batch batch(std::span<const Index> rows) const = 0;
};

/// What is done to a pixel once it is scaled to [0, 1]: (x - mean) / std.
struct Normalize {
  Scalar mean = 0;  ///< For all channels alike.
  Scalar std = 1;   ///< Greater than 0.
};

/// Labelled images of bytes. They stay bytes in memory and become Scalars as a batch is gathered:
/// a quarter of the memory, and the conversion is free next to the copy.
class ImageDataset : public Dataset {
 public:
  /// images (N, H, W) or (N, H, W, C), labels (N), one name a class. Shares the buffers. Throws
  /// ShapeError when the shapes or counts do not fit, Error for a label outside [0, classes) or a
  /// std that is not positive.
  ImageDataset(ByteArray images, IntArray labels, std::vector<std::string> classes,
               Normalize normalize = {});

  Index size() const override { return images_.dim(0); }
  /// xs[0] (rows, H, W, C) and labels (rows).
  Batch batch(std::span<const Index> rows) const override;

  const ByteArray& images() const { return images_; }  ///< (N, H, W, C)
  const IntArray& labels() const { return labels_; }   ///< (N)
  /// The names of the classes, by label.
  const std::vector<std::string>& classes() const { return classes_; }
  /// What batch() does to the pixels; images() are as they were.
  const Normalize& normalize() const { return normalize_; }

 private:
  ByteArray images_;
  IntArray labels_;
  std::vector<std::string> classes_;
  Normalize normalize_;
};

/// Any arrays with the same number of rows: one or several inputs (N, ...), and labels or values
/// (N, ...). Shares the buffers.
class TensorDataset : public Dataset {
 public:
  /// Labels, which may be any integers, or values.
  using Targets = std::variant<IntArray, Array>;
  /// Several inputs, or one. Throws ShapeError when the numbers of rows differ or an array has no
  /// axis, Error when there is no input.
  /// @{
  TensorDataset(std::vector<Array> xs, Targets y);
  TensorDataset(Array x, Targets y) : TensorDataset(std::vector{std::move(x)}, std::move(y)) {}
  /// @}

  Index size() const override { return xs_.front().dim(0); }
  Batch batch(std::span<const Index> rows) const override;

  const std::vector<Array>& xs() const { return xs_; }  ///< The inputs, (N, ...) each.
  const Targets& y() const { return y_; }               ///< Labels (N) or values (N, ...).

 private:
  std::vector<Array> xs_;
  Targets y_;
};

/// Some rows of another dataset, renumbered from 0. Refers to that dataset, which must outlive it
/// (a temporary does not compile).
class Subset : public Dataset {
 public:
  /// Throws ShapeError for a row that the dataset does not have.
  Subset(const Dataset& dataset, std::vector<Index> rows);
  Subset(const Dataset&&, std::vector<Index>) = delete;

  Index size() const override { return static_cast<Index>(rows_.size()); }
  Batch batch(std::span<const Index> rows) const override;

  const std::vector<Index>& rows() const { return rows_; }  ///< Their numbers in the other dataset.

 private:
  const Dataset* dataset_;
  std::vector<Index> rows_;
};

/// The first n rows, or all of them if there are fewer: for a quick run. Throws Error when n < 0.
Subset first_rows(const Dataset& dataset, Index n);
Subset first_rows(const Dataset&&, Index) = delete;

/// The rows of a dataset in two parts: to train on, and to judge by.
struct Split {
  Subset train;  ///< Refers to the dataset that was split, which must outlive it.
  Subset valid;  ///< Likewise.
};
/// Drawn at random, the same for the same seed; `valid_share` of the rows (rounded) judge. Throws
/// Error for a share outside [0, 1].
Split random_split(const Dataset& dataset, double valid_share, std::uint64_t seed = 0);
Split random_split(const Dataset&&, double, std::uint64_t = 0) = delete;

}  // namespace kindling
