#pragma once

#include "engine/kernels/conv2d.h"

/// 3x3 convolutions of stride 1 with 16 products for 4 output pixels instead of 36. Only
/// conv2d*.cpp include this.
namespace kindling::kernels {

/// Whether Winograd's way is open to a convolution (stride 1, kernel 3x3, padding of at most 2, and
/// both numbers of channels in whole vector registers: multiples of 8 with AVX2, of 16 with
/// AVX-512) and shorter than the direct one (images of at least 4 x 4). Of the recipes' networks,
/// that is every ResBlock's; the plain ones have stride 2 throughout.
bool winograd_wins(const Shape& x, const Shape& w, const Window& window);

/// The three kernels of conv2d.h where winograd_wins(). The sums are rounded a little differently
/// from those of the direct kernels (in float within some 1e-6 of the largest), and an infinite
/// input may give NaN where a plain sum would be infinite.
Array winograd(const Array& x, const Array& w, const Array& b, Index padding_h, Index padding_w);
Array winograd_dx(const Array& dy, const Array& w, const Shape& x_shape, Index padding_h,
                  Index padding_w);
Array winograd_dw(const Array& dy, const Array& x, const Shape& w_shape, Index padding_h,
                  Index padding_w, Array* db);

}  // namespace kindling::kernels
