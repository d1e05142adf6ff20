#include "bench/workloads.h"

#include <algorithm>

#include "engine/error.h"

namespace kindling::bench {

namespace {

/// The convolutions of fastai's ResBlock on size x size: two, the second with the stride, and a 1x1
/// beside them, behind the pooling, where the widths differ.
void res_block(std::vector<ConvLayer>& layers, Index size, Index in, Index out, Index kernel,
               Index stride) {
  layers.push_back({size, in, out, kernel, 1});
  layers.push_back({size, out, out, kernel, stride});
  if (in != out) layers.push_back({(size + stride - 1) / stride, in, out, 1, 1});
}

std::vector<ConvLayer> resnet(std::vector<ConvLayer> layers, Index width, int blocks) {
  Index size = 28;
  for (int i = 0; i < blocks; ++i, width *= 2, size = (size + 1) / 2)
    res_block(layers, size, width, 2 * width, 3, 2);
  return layers;
}

Index last_width(const std::string& model) { return model == "wide14" ? 512 : 256; }

}  // namespace

double ConvLayer::flops() const {
  Index pairs = 0;  // of an output row and an input row that it reads
  for (Index o = 0; o < out_size(); ++o)
    for (Index k = 0; k < kernel; ++k) {
      const Index row = o * stride + k - kernel / 2;
      pairs += row >= 0 && row < size;
    }
  return 2.0 * static_cast<double>(pairs * pairs * in * out);
}

std::vector<ConvLayer> conv_layers(const std::string& model) {
  std::vector<ConvLayer> layers;
  if (model == "conv10")
    return {{28, 1, 8, 5, 2},
            {14, 8, 16, 3, 2},
            {7, 16, 32, 3, 2},
            {4, 32, 64, 3, 2},
            {2, 64, 10, 3, 2}};
  if (model == "convbn12")
    return {{28, 1, 8, 3, 2},
            {14, 8, 16, 3, 2},
            {7, 16, 32, 3, 2},
            {4, 32, 64, 3, 2},
            {2, 64, 10, 3, 2}};
  if (model == "pooled14") return resnet({{28, 1, 16, 5, 1}}, 16, 4);
  const bool wide = model == "wide14";
  check<Error>(wide || model == "resnet13", "bench", "no model is called ", model);
  res_block(layers, 28, 1, wide ? 16 : 8, wide ? 5 : 3, 1);
  return resnet(std::move(layers), wide ? 16 : 8, 5);
}

double step_flops(const std::string& model, Index batch) {
  const std::vector<ConvLayer> layers = conv_layers(model);
  double flops = -layers.front().flops();  // nobody wants the gradient of the images
  for (const ConvLayer& layer : layers) {
    const bool reads_images = layer.in == 1 && !(layer == layers.front());
    flops += (reads_images ? 2 : 3) * layer.flops();
  }
  const bool head = model != "conv10" && model != "convbn12";
  if (head) flops += 3 * 2.0 * static_cast<double>(last_width(model) * 10);
  return flops * static_cast<double>(batch);
}

}  // namespace kindling::bench
