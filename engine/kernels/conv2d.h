#pragma once

#include "engine/kernels/activation.h"

namespace kindling::kernels {

/// Window of a convolution or pooling: height and width each.
struct Window {
  Index kernel_h = 1, kernel_w = 1;
  Index stride_h = 1, stride_w = 1;
  Index padding_h = 0, padding_w = 0;
};

/// Shape letters, here and in conv2d.cpp: N images, H x W pixels, C channels in, M channels out,
/// KH x KW kernel, OH x OW pixels out.
///
/// (N,OH,OW,M) of x (N,H,W,C) and w (KH,KW,C,M).
Shape conv2d_shape(const Shape& x, const Shape& w, const Window& window);

/// y[n,oh,ow,m] = b[m] + sum over kh,kw,c of x[n, oh*s+kh-p, ow*s+kw-p, c] * w[kh,kw,c,m]
/// x (N,H,W,C), w (KH,KW,C,M), b (M) or undefined -> y (N,OH,OW,M).
/// With an activation, activate(y): the same bits. The direct kernel applies it to each tile while
/// that is in the cache; where a matrix product or Winograd's method does the work, a second pass.
Array conv2d(const Array& x, const Array& w, const Array& b, const Window& window,
             const Activation& activation = Identity{});

/// dx[n,ih,iw,c] = sum over the (kh,kw,oh,ow,m) above that read x[n,ih,iw,c] of dy * w.
/// Where x = activation(z), the gradient with respect to z: activation'(x) dx, the same bits.
Array conv2d_dx(const Array& dy, const Array& w, const Shape& x_shape, const Window& window,
                const Array& x = {}, const Activation& activation = Identity{});

/// dw[kh,kw,c,m] = sum over n,oh,ow of x[n, oh*s+kh-p, ow*s+kw-p, c] * dy[n,oh,ow,m].
/// On the way db[m] = sum over n,oh,ow of dy[n,oh,ow,m], where it is wanted.
Array conv2d_dw(const Array& dy, const Array& x, const Shape& w_shape, const Window& window,
                Array* db = nullptr);

}  // namespace kindling::kernels
