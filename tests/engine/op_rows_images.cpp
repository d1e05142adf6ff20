#include "engine/engine.h"
#include "tests/engine/op_rows.h"

namespace kindling::test {

namespace {

using Plains = std::vector<Plain>;

}  // namespace

OpRow convolution(const std::string& variant, Pair stride, Pair padding, std::vector<Shapes> cases,
                  Shapes big) {
  return {"conv2d",
          variant,
          [=](const Tensors& t) {
            return conv2d(t[0], t[1], t.size() > 2 ? t[2] : Tensor(), stride, padding);
          },
          [=](const Plains& p) {
            return conv_oracle(p[0], p[1], p.size() > 2 ? &p[2] : nullptr, stride, padding);
          },
          std::move(cases),
          {},
          {{{5, 5, 1}, {3, 3, 1, 2}},
           {{1, 5, 5, 1}, {3, 3, 1}},
           {{1, 5, 5, 3}, {3, 3, 2, 2}},
           {{1, 5, 5, 1}, {3, 3, 1, 2}, {3}},
           {{1, 5, 5, 1}, {3, 3, 1, 2}, {1, 2}},
           {{1, 5, 5, 1}, {0, 3, 1, 2}},
           {{1, 2, 5, 1}, {9, 3, 1, 2}}},
          std::move(big)};
}

OpRow max_pooling(const std::string& variant, const PoolSettings& s, std::vector<Shapes> cases,
                  Shapes big) {
  Domain distinct;
  distinct.distinct = true;
  return {"max_pool2d",
          variant,
          [=](const Tensors& t) {
            return max_pool2d(t[0], s.kernel, s.stride, s.padding, s.ceil_mode);
          },
          [=](const Plains& p) { return max_pool_oracle(p[0], s); },
          std::move(cases),
          distinct,
          {{{}}, {{4, 4, 1}}, {{1, 0, 4, 1}}},
          std::move(big)};
}

OpRow avg_pooling(const std::string& variant, const PoolSettings& s, std::vector<Shapes> cases,
                  Shapes big) {
  return {"avg_pool2d",
          variant,
          [=](const Tensors& t) {
            return avg_pool2d(t[0], s.kernel, s.stride, s.padding, s.ceil_mode, s.count_padding);
          },
          [=](const Plains& p) { return avg_pool_oracle(p[0], s); },
          std::move(cases),
          {},
          {{{}}, {{4, 4, 1}}, {{1, 0, 4, 1}}},
          std::move(big)};
}

}  // namespace kindling::test
