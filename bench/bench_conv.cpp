// The five convolutions of the lesson's network at batch 1024: forward, dx and dw. The
// forward is compared with the plain sum, at one output, before anything is timed.

#include <benchmark/benchmark.h>

#include <cmath>

#include "engine/kernels/conv2d.h"
#include "engine/random.h"

using namespace kindling;

namespace {

struct Layer {
  Index size, in, out, kernel;
};
constexpr Layer kLayers[] = {
    {28, 1, 8, 5}, {14, 8, 16, 3}, {7, 16, 32, 3}, {4, 32, 64, 3}, {2, 64, 10, 3}};

struct Case {
  Array x, w, y;
  kernels::Window window;
  double multiply_adds;

  explicit Case(const Layer& layer, Index n = 1024)
      : window{layer.kernel, layer.kernel, 2, 2, layer.kernel / 2, layer.kernel / 2} {
    Random random(1);
    x = random.normal({n, layer.size, layer.size, layer.in});
    w = random.normal({layer.kernel, layer.kernel, layer.in, layer.out});
    y = kernels::conv2d(x, w, Array(), window);
    multiply_adds = static_cast<double>(y.size() * layer.kernel * layer.kernel * layer.in);
  }

  /// One output pixel of the last image, the long way.
  bool right() const {
    const Index n = x.dim(0) - 1, oh = y.dim(1) - 1, ow = y.dim(2) / 2, m = w.dim(3) - 1;
    double sum = 0;
    for (Index i = 0; i < w.dim(0); ++i)
      for (Index j = 0; j < w.dim(1); ++j)
        for (Index c = 0; c < w.dim(2); ++c) {
          const Index ih = 2 * oh + i - window.padding_h, iw = 2 * ow + j - window.padding_w;
          if (ih < 0 || iw < 0 || ih >= x.dim(1) || iw >= x.dim(2)) continue;
          sum += double{x[((n * x.dim(1) + ih) * x.dim(2) + iw) * x.dim(3) + c]} *
                 double{w[((i * w.dim(1) + j) * w.dim(2) + c) * w.dim(3) + m]};
        }
    return std::abs(y[((n * y.dim(1) + oh) * y.dim(2) + ow) * y.dim(3) + m] - sum) < 1e-3;
  }
};

template <class Kernel>
void run(benchmark::State& state, const Kernel& kernel) {
  const Case c(kLayers[state.range(0)]);
  if (!c.right()) return state.SkipWithError("the convolution is wrong");
  for (auto _ : state) benchmark::DoNotOptimize(kernel(c).data());
  state.counters["GFLOP/s"] =
      benchmark::Counter(2e-9 * c.multiply_adds * static_cast<double>(state.iterations()),
                         benchmark::Counter::kIsRate);
}

void conv_forward(benchmark::State& state) {
  run(state, [](const Case& c) { return kernels::conv2d(c.x, c.w, Array(), c.window); });
}
void conv_dx(benchmark::State& state) {
  run(state, [](const Case& c) { return kernels::conv2d_dx(c.y, c.w, c.x.shape(), c.window); });
}
void conv_dw(benchmark::State& state) {
  run(state, [](const Case& c) { return kernels::conv2d_dw(c.y, c.x, c.w.shape(), c.window); });
}
BENCHMARK(conv_forward)->ArgName("layer")->DenseRange(0, 4)->UseRealTime();
BENCHMARK(conv_dx)->ArgName("layer")->DenseRange(0, 4)->UseRealTime();
BENCHMARK(conv_dw)->ArgName("layer")->DenseRange(0, 4)->UseRealTime();

}  // namespace
