#include "nn/models.h"

#include "engine/error.h"
#include "engine/ops/elementwise.h"
#include "nn/init.h"
#include "nn/norm.h"
#include "nn/pool.h"

namespace kindling::nn {

/// Made of a list in braces, `Layers(new Sequential{...})`, because what stands in braces is
/// evaluated from left to right with every compiler, and so the weights are drawn in this order.
using Layers = std::unique_ptr<Sequential>;

std::unique_ptr<Module> conv(Index in, Index out, Index kernel, Index stride, Activation activation,
                             Norm norm) {
  auto block = std::make_unique<Sequential>(make<Conv2d>(in, out, kernel, stride, kernel / 2));
  if (norm == Norm::batch) block->add(make<BatchNorm2d>(out));
  if (norm == Norm::layer) block->add(make<GroupNorm>(1, out));
  if (activation == Activation::relu) block->add(make<ReLU>());
  if (activation == Activation::general_relu) block->add(make<GeneralRelu>(kLeak, kSub));
  return block;
}

std::unique_ptr<Module> conv_bn(Index in, Index out, Index kernel, Index stride,
                                Activation activation) {
  return conv(in, out, kernel, stride, activation, Norm::batch);
}

inline namespace KINDLING_PRECISION {

ResBlock::ResBlock(Index in, Index out, Index stride, Index kernel) {
  check(kernel % 2 == 1, "res_block", "kernel ", kernel,
        ": an odd one expected, so that both ways end in the same size");
  convs_ = &add_child("convs",
                      Layers(new Sequential{conv_bn(in, out, kernel, 1),
                                            conv_bn(out, out, kernel, stride, Activation::none)}));
  idconv_ =
      &add_child("idconv", in == out ? make<Identity>() : conv(in, out, 1, 1, Activation::none));
  pool_ = &add_child("pool", stride == 1 ? make<Identity>()
                                         : make<AvgPool2d>(stride, PoolOptions{.ceil_mode = true}));
  act_ = &add_child("act", make<GeneralRelu>(kLeak, kSub));
}

Tensor ResBlock::forward(const Tensor& x) {
  const Tensor shortcut = (*idconv_)((*pool_)(x));
  return (*act_)((*convs_)(x) + shortcut);
}

}  // namespace KINDLING_PRECISION

std::unique_ptr<Sequential> conv_net(Activation activation, Norm norm) {
  const auto layer = [&](Index in, Index out, Index kernel) {
    return conv(in, out, kernel, 2, activation, norm);
  };
  auto model = std::make_unique<Sequential>(layer(1, 8, 5));
  for (const Index in : {8, 16, 32}) model->add(layer(in, 2 * in, 3));
  model->add(conv(64, 10, 3, 2, Activation::none));
  model->add(make<Flatten>());
  return model;
}

std::unique_ptr<Sequential> conv_bn_net() {
  return Layers(new Sequential{conv_bn(1, 8), conv_bn(8, 16), conv_bn(16, 32), conv_bn(32, 64),
                               conv(64, 10, 3, 2, Activation::none), make<Flatten>()});
}

namespace {

/// (N, features) -> (N, classes)
void add_head(Sequential& model, Index features, Index classes) {
  model.add(make<Linear>(features, classes, false));
  model.add(make<BatchNorm1d>(classes));
}

}  // namespace

std::unique_ptr<Sequential> resnet(std::unique_ptr<Module> first, const std::vector<Index>& widths,
                                   ResNetOptions options) {
  check<Error>(!widths.empty(), "resnet", "at least one width expected");
  auto model = std::make_unique<Sequential>(std::move(first));
  if (options.dropout != 0) model->add(make<Dropout2d>(options.dropout));
  for (std::size_t i = 0; i + 1 < widths.size(); ++i)
    model->add(make<ResBlock>(widths[i], widths[i + 1], 2));
  model->add(options.pooled ? make<GlobalAvgPool>() : make<Flatten>());
  if (options.dropout != 0) model->add(make<Dropout>(options.dropout));
  add_head(*model, widths.back(), options.classes);
  return model;
}

std::unique_ptr<Sequential> small_resnet() {
  return resnet(make<ResBlock>(1, 8), {8, 16, 32, 64, 128, 256});
}

std::unique_ptr<Sequential> pooled_resnet(double dropout) {
  return resnet(conv_bn(1, 16, 5, 1), {16, 32, 64, 128, 256}, {.pooled = true, .dropout = dropout});
}

std::unique_ptr<Sequential> wide_resnet() {
  return resnet(make<ResBlock>(1, 16, 1, 5), {16, 32, 64, 128, 256, 512});
}

std::unique_ptr<Sequential> stages(const std::vector<Index>& widths, StagesOptions options) {
  check<Error>(!widths.empty(), "stages", "at least one width expected");
  const bool strides = options.halving == Halving::stride;
  auto model = std::make_unique<Sequential>();
  for (std::size_t i = 0; i < widths.size(); ++i) {
    const bool first = i == 0, last = i + 1 == widths.size();
    model->add(
        conv_bn(first ? 1 : widths[i - 1], widths[i], first ? options.kernel : 3, strides ? 2 : 1));
    if (!strides && !last) model->add(make<MaxPool2d>(2, PoolOptions{.ceil_mode = true}));
  }
  model->add(make<GlobalAvgPool>());
  add_head(*model, widths.back(), options.classes);
  return model;
}

std::unique_ptr<Sequential> residual_stages(const std::vector<Index>& widths,
                                            const std::vector<int>& blocks, Index classes) {
  check<Error>(!widths.empty(), "residual_stages", "at least one width expected");
  check<Error>(blocks.size() == widths.size(), "residual_stages", blocks.size(),
               " numbers of blocks for ", widths.size(), " widths; one for each expected");
  auto model = std::make_unique<Sequential>();
  for (std::size_t i = 0; i < widths.size(); ++i) {
    check<Error>(blocks[i] >= 0, "residual_stages", blocks[i], " blocks; none or more expected");
    const bool first = i == 0;
    model->add(conv_bn(first ? 1 : widths[i - 1], widths[i], 3, 1));
    if (!first) model->add(make<MaxPool2d>(2, PoolOptions{.ceil_mode = true}));
    for (int block = 0; block < blocks[i]; ++block)
      model->add(make<ResBlock>(widths[i], widths[i]));
  }
  model->add(make<GlobalAvgPool>());
  add_head(*model, widths.back(), classes);
  return model;
}

std::unique_ptr<Sequential> mlp(Index in, Index hidden, Index out) {
  return Layers(new Sequential{make<Flatten>(), make<Linear>(in, hidden), make<ReLU>(),
                               make<Linear>(hidden, out)});
}

void kaiming_init(Module& model, Scalar leak) {
  model.apply([leak](Module& module) {
    if (Tensor weight = weights_of(module).weight; weight.defined())
      weight.set_value(kaiming_normal(weight.shape(), leak));
  });
}

}  // namespace kindling::nn
