#include "engine/ops/layout.h"

#include <algorithm>
#include <numeric>

#include "engine/error.h"
#include "engine/kernels/layout.h"
#include "engine/tape.h"

namespace kindling {

namespace {

const Op kReshape{"reshape"}, kPermute{"permute"}, kSlice{"slice"}, kConcat{"concat"},
    kGather{"gather"};

/// The order that undoes a permutation.
Axes inverse(const Axes& order) {
  Axes back(order.size());
  for (std::size_t i = 0; i < order.size(); ++i) back[order[i]] = static_cast<int>(i);
  return back;
}

}  // namespace

Tensor reshape(const Tensor& x, const Shape& shape) {
  return record(
      kReshape, x.value().reshape(shape), {x},
      [from = x.shape()](const Array& dy, Grads& grads) { grads.add(0, dy.reshape(from)); });
}

Tensor reshape(const Tensor& x, std::initializer_list<Index> dims) {
  return reshape(x, resolve_reshape("reshape", x.shape(), std::span(dims.begin(), dims.size())));
}

Tensor permute(const Tensor& x, const Axes& order) {
  Axes axes = order;
  for (int& axis : axes) axis = axis < 0 ? axis + x.rank() : axis;
  Axes sorted = axes, all(static_cast<std::size_t>(x.rank()));
  std::sort(sorted.begin(), sorted.end());
  std::iota(all.begin(), all.end(), 0);
  const auto named = [&] {
    std::string text;
    for (const int axis : order) text += " " + std::to_string(axis);
    return text;
  };
  if (sorted != all)
    throw ShapeError(
        str("[permute] ", x.shape(), " by", named(), ": every axis must be named once"));
  return record(kPermute, kernels::permute(x.value(), axes), {x},
                [back = inverse(axes)](const Array& dy, Grads& grads) {
                  grads.add(0, kernels::permute(dy, back));
                });
}

Tensor transpose(const Tensor& x, int axis0, int axis1) {
  check(x.rank() >= 2, "transpose", x.shape(), ": at least two axes expected");
  Axes order(static_cast<std::size_t>(x.rank()));
  std::iota(order.begin(), order.end(), 0);
  std::swap(order[x.shape().normalize(axis0, "transpose")],
            order[x.shape().normalize(axis1, "transpose")]);
  return permute(x, order);
}

Tensor slice(const Tensor& x, int axis, Index begin, Index end) {
  const int a = x.shape().normalize(axis, "slice");
  const Index n = x.dim(a), first = begin < 0 ? begin + n : begin, last = end < 0 ? end + n : end;
  check(0 <= first && first <= last && last <= n, "slice", x.shape(), ": [", begin, ",", end,
        ") is not inside axis ", axis);
  return record(kSlice, kernels::slice(x.value(), a, first, last), {x},
                [shape = x.shape(), a, first](const Array& dy, Grads& grads) {
                  grads.add(0, kernels::unslice(dy, shape, a, first));
                });
}

Tensor concat(const std::vector<Tensor>& xs, int axis) {
  check(!xs.empty(), "concat", "nothing to join");
  const int a = xs.front().shape().normalize(axis, "concat");
  std::vector<Array> values;
  std::vector<Index> begins{0};
  for (const Tensor& x : xs) {
    check(x.rank() == xs.front().rank() && x.shape().with(a, 0) == xs.front().shape().with(a, 0),
          "concat", xs.front().shape(), " and ", x.shape(), " differ in another axis than ", axis);
    values.push_back(x.value());
    begins.push_back(begins.back() + x.dim(a));
  }
  return record(kConcat, kernels::concat(values, a), xs,
                [begins, a](const Array& dy, Grads& grads) {
                  for (std::size_t i = 0; i + 1 < begins.size(); ++i)
                    if (const int k = static_cast<int>(i); grads.needs(k))
                      grads.add(k, kernels::slice(dy, a, begins[i], begins[i + 1]));
                });
}

// y[i] = x[index[i]];  dx[index[i]] += dy[i]
Tensor gather(const Tensor& x, const IntArray& index) {
  check(x.rank() >= 1, "gather", x.shape(), ": at least one axis expected");
  check<Error>(index.defined(), "gather", x.shape(), ": the index is undefined");
  for (const std::int32_t i : index.values())
    check(0 <= i && i < x.dim(0), "gather", x.shape(), ": index ", i, " is not in [0,", x.dim(0),
          ")");
  return record(kGather, kernels::gather_rows(x.value(), index), {x},
                [shape = x.shape(), index](const Array& dy, Grads& grads) {
                  grads.add(0, kernels::scatter_rows(dy, index, shape));
                });
}

}  // namespace kindling
