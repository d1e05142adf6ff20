#include "engine/ops/conv.h"

#include <ostream>

#include "engine/error.h"
#include "engine/ops/pending.h"
#include "engine/tape.h"

namespace kindling {

namespace {

const Op kConv2d{"conv2d"};

void check_conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias, Pair stride,
                  Pair padding) {
  const char* who = kConv2d.name;
  check(x.rank() == 4, who, "x ", x.shape(), ": images (N,H,W,C) expected");
  check(weight.rank() == 4, who, "weight ", weight.shape(), ": (KH,KW,C_in,C_out) expected");
  check(x.dim(3) == weight.dim(2), who, "x ", x.shape(), ": weight ", weight.shape(), " expects ",
        weight.dim(2), weight.dim(2) == 1 ? " channel" : " channels");
  check(!bias.defined() || bias.shape() == Shape{weight.dim(3)}, who, "bias ",
        bias.defined() ? bias.shape() : Shape{}, ": weight ", weight.shape(), " gives ",
        weight.dim(3), " channels");
  check(stride.h >= 1 && stride.w >= 1, who, "stride ", stride, ": at least 1 expected");
  check(padding.h >= 0 && padding.w >= 0, who, "padding ", padding, ": at least 0 expected");
  check(weight.dim(0) >= 1 && weight.dim(1) >= 1, who, "weight ", weight.shape(),
        ": the kernel is empty");
  check(x.dim(1) + 2 * padding.h >= weight.dim(0) && x.dim(2) + 2 * padding.w >= weight.dim(1), who,
        "x ", x.shape(), " with padding ", padding, " is smaller than the kernel of weight ",
        weight.shape());
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const Pair& pair) {
  return out << pair.h << "x" << pair.w;
}

// y = x * w + b, computed later;
// dx = dy correlated with w turned around, later too;  dw = x correlated with dy;  db = sum of dy
Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias, Pair stride,
              Pair padding) {
  check_conv2d(x, weight, bias, stride, padding);
  const kernels::Window window{weight.dim(0), weight.dim(1), stride.h,
                               stride.w,      padding.h,     padding.w};
  auto y = make_recycled<PendingConv>(kernels::conv2d_shape(x.shape(), weight.shape(), window),
                                      x.value(), weight.value(),
                                      bias.defined() ? bias.value() : Array(), window);
  auto backward = [X = x.value(), W = weight.value(), window, biased = bias.defined()](
                      const Array& dy, Grads& grads) {
    if (grads.needs(0)) grads.add(0, make_recycled<PendingConvGradient>(X.shape(), dy, W, window));
    const bool db_wanted = biased && grads.needs(2);
    if (!grads.needs(1) && !db_wanted) return;
    // Together, also where db alone is wanted: the same sums in the same order.
    Array db;
    grads.add(1, kernels::conv2d_dw(dy, X, W.shape(), window, db_wanted ? &db : nullptr));
    if (db_wanted) grads.add(2, std::move(db));
  };
  if (!bias.defined()) return record(kConv2d, std::move(y), {x, weight}, std::move(backward));
  return record(kConv2d, std::move(y), {x, weight, bias}, std::move(backward));
}

}  // namespace kindling
