#include "nn/layers.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/error.h"
#include "engine/ops/activation.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/layout.h"
#include "engine/ops/matmul.h"
#include "engine/random.h"
#include "nn/init.h"

namespace kindling::nn {

namespace {

void check_widths(const char* who, Index in, Index out) {
  check(in >= 1 && out >= 1, who, "widths ", in, " -> ", out, ": at least 1 expected");
}

}  // namespace

inline namespace KINDLING_PRECISION {

Module& Sequential::add(std::unique_ptr<Module> module) {
  Module& layer = add_child(std::to_string(layers_.size()), std::move(module));
  layers_.push_back(&layer);
  return layer;
}

Module& Sequential::operator[](Index i) const {
  check<Error>(0 <= i && i < size(), "sequential", "there is no layer ", i, " of ", size());
  return *layers_[static_cast<std::size_t>(i)];
}

Tensor Sequential::forward(const Tensor& x) {
  Tensor y = x;
  for (Module* layer : layers_) y = (*layer)(y);
  return y;
}

Linear::Linear(Index in, Index out, bool with_bias) {
  check_widths("linear", in, out);
  weight = parameter("weight", default_weight({in, out}));
  if (with_bias) bias = parameter("bias", default_bias({in, out}));
}

std::string Linear::extra() const {
  return str(weight.dim(0), ", ", weight.dim(1), bias.defined() ? "" : ", no bias");
}

Tensor Linear::forward(const Tensor& x) {
  check(x.rank() >= 1 && x.dim(-1) == weight.dim(0), "linear", "x ", x.shape(), ": weight ",
        weight.shape(), " expects ", weight.dim(0), " features");
  // Whatever stands before the features is rows.
  const Index in = weight.dim(0), out = weight.dim(1);
  const Tensor y = matmul(x.rank() == 2 ? x : reshape(x, Shape{x.size() / in, in}), weight);
  const Tensor shaped = x.rank() == 2 ? y : reshape(y, x.shape().with(-1, out));
  return bias.defined() ? shaped + bias : shaped;
}

Conv2d::Conv2d(Index in, Index out, Pair kernel, Pair stride, Pair padding, bool with_bias)
    : stride_(stride), padding_(padding) {
  check_widths("conv2d", in, out);
  check(kernel.h >= 1 && kernel.w >= 1 && stride.h >= 1 && stride.w >= 1 && padding.h >= 0 &&
            padding.w >= 0,
        "conv2d", "kernel ", kernel, ", stride ", stride, ", padding ", padding,
        ": kernel and stride of at least 1 and padding of at least 0 expected");
  const Shape shape{kernel.h, kernel.w, in, out};
  weight = parameter("weight", default_weight(shape));
  if (with_bias) bias = parameter("bias", default_bias(shape));
}

std::string Conv2d::extra() const {
  return str(weight.dim(2), ", ", weight.dim(3), ", kernel ", Pair(weight.dim(0), weight.dim(1)),
             ", stride ", stride_, ", padding ", padding_, bias.defined() ? "" : ", no bias");
}

Tensor Conv2d::forward(const Tensor& x) { return conv2d(x, weight, bias, stride_, padding_); }

Weights weights_of(const Module& module) {
  if (const auto* conv = dynamic_cast<const Conv2d*>(&module)) return {conv->weight, conv->bias};
  if (const auto* linear = dynamic_cast<const Linear*>(&module))
    return {linear->weight, linear->bias};
  return {};
}

Tensor ReLU::forward(const Tensor& x) { return relu(x); }

GeneralRelu::GeneralRelu(Scalar leak, Scalar sub, Scalar max) : leak_(leak), sub_(sub), max_(max) {
  check<Error>(leak >= 0, "general_relu", "leak ", leak, ": at least 0 expected");
}

std::string GeneralRelu::extra() const {
  return str("leak ", leak_, ", sub ", sub_, std::isinf(max_) ? "" : str(", max ", max_));
}

Tensor GeneralRelu::forward(const Tensor& x) { return general_relu(x, leak_, sub_, max_); }

Dropout::Dropout(double p) : p_(p) {
  check<Error>(p >= 0 && p < 1, "dropout", "p ", p, ": in [0, 1) expected");
}

std::string Dropout::extra() const { return str("p ", p_); }

Tensor Dropout::forward(const Tensor& x) {
  if (!training() || p_ == 0) return x;
  const double kept = 1 - p_;
  return x * Tensor(default_random().bernoulli(x.shape(), kept, static_cast<Scalar>(1 / kept)));
}

Dropout2d::Dropout2d(double p) : p_(p) {
  check<Error>(p >= 0 && p < 1, "dropout2d", "p ", p, ": in [0, 1) expected");
}

std::string Dropout2d::extra() const { return str("p ", p_); }

Tensor Dropout2d::forward(const Tensor& x) {
  check(x.rank() == 4, "dropout2d", "x ", x.shape(), ": images (N,H,W,C) expected");
  if (!training() || p_ == 0) return x;
  const double kept = 1 - p_;
  const Shape channels{x.dim(0), 1, 1, x.dim(3)};
  return x * Tensor(default_random().bernoulli(channels, kept, static_cast<Scalar>(1 / kept)));
}

Embedding::Embedding(Index things, Index features) {
  check<Error>(things >= 1 && features >= 1, "embedding", things, " things, ", features,
               " features: at least 1 of each expected");
  // Behind that a Scalar skips whole numbers, or an index of gather() ends.
  constexpr Index kMost = Index{1} << std::min(std::numeric_limits<Scalar>::digits, 31);
  check<Error>(things <= kMost, "embedding", things, " things: at most ", kMost, " expected");
  weight = parameter("weight", default_random().normal(Shape{things, features}));
}

std::string Embedding::extra() const { return str(weight.dim(0), ", ", weight.dim(1)); }

Tensor Embedding::forward(const Tensor& x) {
  IntArray rows(x.shape());
  std::int32_t* row = rows.data();
  const auto things = static_cast<Scalar>(weight.dim(0));
  for (const Scalar thing : x.value().values()) {
    check<Error>(thing >= 0 && thing < things && thing == std::floor(thing), "embedding", "thing ",
                 thing, ": a whole number below ", weight.dim(0), " expected");
    *row++ = static_cast<std::int32_t>(thing);
  }
  return gather(weight, rows);
}

Tensor Flatten::forward(const Tensor& x) {
  check(x.rank() >= 2, "flatten", "x ", x.shape(), ": at least two axes expected");
  const bool image = x.rank() == 4 && x.dim(1) * x.dim(2) != 1;
  const Index features = x.dim(0) == 0 ? x.shape().with(0, 1).size() : x.size() / x.dim(0);
  return reshape(image ? permute(x, {0, 3, 1, 2}) : x, Shape{x.dim(0), features});
}

}  // namespace KINDLING_PRECISION
}  // namespace kindling::nn
