#include "nn/models.h"

#include "nn/init.h"

namespace kindling::nn {

std::unique_ptr<Module> conv(Index in, Index out, Index kernel, Index stride, bool activation) {
  auto block = std::make_unique<Sequential>(make<Conv2d>(in, out, kernel, stride, kernel / 2));
  if (activation) block->add(make<ReLU>());
  return block;
}

std::unique_ptr<Sequential> conv_net() {
  return std::make_unique<Sequential>(conv(1, 8, 5), conv(8, 16), conv(16, 32), conv(32, 64),
                                      conv(64, 10, 3, 2, false), make<Flatten>());
}

void kaiming_init(Module& model, Scalar leak) {
  const auto draw = [leak](Tensor& weight) {
    weight.set_value(kaiming_normal(weight.shape(), leak));
  };
  model.apply([&](Module& module) {
    if (auto* conv = dynamic_cast<Conv2d*>(&module)) draw(conv->weight);
    if (auto* linear = dynamic_cast<Linear*>(&module)) draw(linear->weight);
  });
}

std::unique_ptr<Sequential> mlp(Index in, Index hidden, Index out) {
  return std::make_unique<Sequential>(make<Flatten>(), make<Linear>(in, hidden), make<ReLU>(),
                                      make<Linear>(hidden, out));
}

}  // namespace kindling::nn
