#include <algorithm>
#include <cmath>

#include "engine/engine.h"
#include "tests/engine/op_rows.h"

namespace kindling::test {

namespace {

using Plains = std::vector<Plain>;

constexpr double kEps = 1e-3;

struct ChannelMoments {
  double mean = 0, variance = 0;
};

/// Of one channel of x (..., C): every C-th number, in two passes.
ChannelMoments moments_of(const Plain& x, Index channel) {
  const Index channels = x.shape[-1], n = x.shape.size() / channels;
  ChannelMoments m;
  for (Index i = 0; i < n; ++i) m.mean += x[i * channels + channel] / static_cast<double>(n);
  for (Index i = 0; i < n; ++i) {
    const double d = x[i * channels + channel] - m.mean;
    m.variance += d * d / static_cast<double>(n);
  }
  return m;
}

/// Some running moments: channel c has mean c / 4 - 1/2 and variance 1/2 + c / 8.
ChannelMoments running_of(Index channel) {
  return {0.25 * static_cast<double>(channel) - 0.5, 0.5 + 0.125 * static_cast<double>(channel)};
}

template <class MomentsOf>
Plain norm_oracle(const Plains& p, const MomentsOf& of) {
  const Plain &x = p[0], &weight = p[1], &bias = p[2];
  return build(x.shape, [&](const Position& at) {
    const Index c = at.back();
    const ChannelMoments m = of(x, c);
    return weight[c] * (x.at(at) - m.mean) / std::sqrt(m.variance + kEps) + bias[c];
  });
}

std::vector<Shapes> cases_of(const std::vector<Shape>& shapes) {
  std::vector<Shapes> cases;
  for (const Shape& x : shapes) cases.push_back({x, Shape{x[-1]}, Shape{x[-1]}});
  return cases;
}

}  // namespace

Rows normalization() {
  const std::vector<Shapes> bad{
      {{}, {1}, {1}}, {{3, 4}, {3}, {4}}, {{3, 4}, {4}, {1}}, {{3, 4}, {1, 4}, {4}}};
  std::vector<Shapes> bad_training = bad;
  bad_training.push_back({{1, 4}, {4}, {4}});
  bad_training.push_back({{0, 4}, {4}, {4}});
  bad_training.push_back({{1, 1, 1, 4}, {4}, {4}});
  const std::vector<Shape> shapes{{2, 1},       {5, 3},  {7, 8}, {3, 10},
                                  {2, 2, 3, 5}, {3, 33}, {4},    {3, 0}};
  std::vector<Shape> training(shapes.begin(), shapes.end());
  std::erase(training, Shape{4});
  return {{"batch_norm",
           "",
           [](const Tensors& t) { return batch_norm(t[0], t[1], t[2], static_cast<Scalar>(kEps)); },
           [](const Plains& p) { return norm_oracle(p, moments_of); },
           cases_of(training),
           {},
           bad_training,
           {{40, 28, 28, 3}, {3}, {3}}},
          {"batch_norm_eval",
           "",
           [](const Tensors& t) {
             const Shape channels = t[1].shape();
             Moments running{Array(channels), Array(channels)};
             for (Index c = 0; c < channels.size(); ++c) {
               running.mean.data()[c] = static_cast<Scalar>(running_of(c).mean);
               running.variance.data()[c] = static_cast<Scalar>(running_of(c).variance);
             }
             return batch_norm_eval(t[0], t[1], t[2], running, static_cast<Scalar>(kEps));
           },
           [](const Plains& p) {
             return norm_oracle(p, [](const Plain&, Index c) { return running_of(c); });
           },
           cases_of(shapes),
           {},
           bad,
           {{40, 28, 28, 3}, {3}, {3}}}};
}

}  // namespace kindling::test
