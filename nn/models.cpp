#include "nn/models.h"

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

std::unique_ptr<Sequential> mlp(Index in, Index hidden, Index out) {
  return std::make_unique<Sequential>(make<Flatten>(), make<Linear>(in, hidden), make<ReLU>(),
                                      make<Linear>(hidden, out));
}

}  // namespace kindling::nn
