#include "data/dataset.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <utility>

#include "engine/error.h"
#include "engine/parallel.h"
#include "engine/random.h"

namespace kindling {

namespace {

void check_rows(const char* who, std::span<const Index> rows, Index size) {
  for (Index row : rows)
    check(row >= 0 && row < size, who, "there is no row ", row, " among ", size);
}

/// Output row i is copy_row(rows[i], where row i begins): rows of `width` elements, so many to a
/// task that waking a thread for it pays.
template <class Copy>
void gather(std::span<const Index> rows, Index width, const Copy& copy_row) {
  const Index n = static_cast<Index>(rows.size());
  const Index rows_per_task = std::max<Index>(1, kChunk / std::max<Index>(width, 1));
  parallel_chunks(n, rows_per_task, n * width, [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) copy_row(rows[static_cast<std::size_t>(i)], i * width);
  });
}

/// The given rows of an array (N, ...), one below the other.
template <class T>
ArrayOf<T> take_rows(const ArrayOf<T>& from, std::span<const Index> rows) {
  ArrayOf<T> to(from.shape().with(0, static_cast<Index>(rows.size())));
  const Index width = from.dim(0) == 0 ? 0 : from.size() / from.dim(0);
  const T* in = from.data();
  T* out = to.data();
  gather(rows, width, [=](Index row, Index at) { std::copy_n(in + row * width, width, out + at); });
  return to;
}

template <class T>
Index rows_of(const char* what, const ArrayOf<T>& array) {
  check(array.rank() > 0, "TensorDataset", what, " ", array.shape(), ": an axis of rows expected");
  return array.dim(0);
}

}  // namespace

Index Batch::size() const {
  check<Error>(!xs.empty(), "batch", "no input in it");
  return xs.front().dim(0);
}

const IntArray& Batch::labels() const {
  const auto* labels = std::get_if<IntArray>(&y);
  check<Error>(labels != nullptr, "batch", "class labels expected, but the target holds values");
  return *labels;
}

const Tensor& Batch::values() const {
  const auto* values = std::get_if<Tensor>(&y);
  check<Error>(values != nullptr, "batch", "values expected, but the target holds class labels");
  return *values;
}

ImageDataset::ImageDataset(ByteArray images, IntArray labels, std::vector<std::string> classes,
                           Normalize normalize)
    : images_(std::move(images)),
      labels_(std::move(labels)),
      classes_(std::move(classes)),
      normalize_(normalize) {
  const Shape& shape = images_.shape();
  check(shape.rank() == 3 || shape.rank() == 4, "ImageDataset", "images ", shape,
        ": (N,H,W) or (N,H,W,C) expected");
  check(labels_.rank() == 1, "ImageDataset", "labels ", labels_.shape(), ": (N) expected");
  check(shape[0] == labels_.size(), "ImageDataset", "image and label counts differ: ", shape[0],
        " and ", labels_.size());
  if (shape.rank() == 3) images_ = images_.reshape({shape[0], shape[1], shape[2], 1});
  check<Error>(
      std::isfinite(normalize_.mean) && std::isfinite(normalize_.std) && normalize_.std > 0,
      "ImageDataset", "cannot normalize with mean ", normalize_.mean, " and std ", normalize_.std);
  const Index count = static_cast<Index>(classes_.size());
  for (Index i = 0; i < labels_.size(); ++i) {
    const std::int32_t label = std::as_const(labels_)[i];
    check<Error>(label >= 0 && label < count, "ImageDataset", "label ", label, " in row ", i,
                 " is outside [0,", count, ")");
  }
}

Batch ImageDataset::batch(std::span<const Index> rows) const {
  check_rows("ImageDataset", rows, size());
  Array x(images_.shape().with(0, static_cast<Index>(rows.size())));
  const Index pixels = size() == 0 ? 0 : images_.size() / size();
  const std::uint8_t* in = images_.data();
  Scalar* out = x.data();
  // Two divisions a pixel, eight pixels at a time, are faster than a table of the 256 values.
  gather(rows, pixels, [=, mean = normalize_.mean, std = normalize_.std](Index row, Index at) {
    const std::uint8_t* from = in + row * pixels;
    Scalar* to = out + at;
    for (Index i = 0; i < pixels; ++i) to[i] = (static_cast<Scalar>(from[i]) / 255 - mean) / std;
  });
  return {{Tensor(std::move(x))}, take_rows(labels_, rows)};
}

TensorDataset::TensorDataset(std::vector<Array> xs, Targets y)
    : xs_(std::move(xs)), y_(std::move(y)) {
  check<Error>(!xs_.empty(), "TensorDataset", "at least one input expected");
  const Index n = rows_of("input", xs_.front());
  for (const Array& x : xs_)
    check(rows_of("input", x) == n, "TensorDataset", "inputs with ", n, " and ", x.dim(0), " rows");
  const Index targets = std::visit([](const auto& y) { return rows_of("targets", y); }, y_);
  check(targets == n, "TensorDataset", "input and target counts differ: ", n, " and ", targets);
}

Batch TensorDataset::batch(std::span<const Index> rows) const {
  check_rows("TensorDataset", rows, size());
  Batch batch;
  for (const Array& x : xs_) batch.xs.emplace_back(take_rows(x, rows));
  if (const auto* labels = std::get_if<IntArray>(&y_))
    batch.y = take_rows(*labels, rows);
  else
    batch.y = Tensor(take_rows(std::get<Array>(y_), rows));
  return batch;
}

Subset::Subset(const Dataset& dataset, std::vector<Index> rows)
    : dataset_(&dataset), rows_(std::move(rows)) {
  check_rows("Subset", rows_, dataset.size());
}

Batch Subset::batch(std::span<const Index> rows) const {
  check_rows("Subset", rows, size());
  std::vector<Index> theirs;
  theirs.reserve(rows.size());
  for (Index row : rows) theirs.push_back(rows_[static_cast<std::size_t>(row)]);
  return dataset_->batch(theirs);
}

Subset first_rows(const Dataset& dataset, Index n) {
  check<Error>(n >= 0, "first_rows", "asked for ", n, " rows");
  std::vector<Index> rows(static_cast<std::size_t>(std::min(n, dataset.size())));
  std::iota(rows.begin(), rows.end(), Index{0});
  return Subset(dataset, std::move(rows));
}

Split random_split(const Dataset& dataset, double valid_share, std::uint64_t seed) {
  check<Error>(valid_share >= 0 && valid_share <= 1, "random_split", "a share of ", valid_share,
               ": 0 to 1 expected");
  // A stream of its own: set_seed() with the same number starts the one that weights are drawn
  // from.
  std::vector<Index> rows = Random(seed ^ 0x5350'4c49'5400'0000).permutation(dataset.size());
  const auto middle = rows.begin() + std::llround(valid_share * static_cast<double>(rows.size()));
  return {Subset(dataset, {middle, rows.end()}), Subset(dataset, {rows.begin(), middle})};
}

}  // namespace kindling
