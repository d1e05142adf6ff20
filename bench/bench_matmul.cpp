// Products of the sizes that training meets. GFLOP/s counts two operations a multiply-add.

#include <benchmark/benchmark.h>

#include "engine/kernels/gemm.h"
#include "engine/random.h"

using namespace kindling;

namespace {

void matmul(benchmark::State& state) {
  const Index n = state.range(0), k = state.range(1), m = state.range(2);
  Random random(1);
  const Array a = random.normal({n, k}), b = random.normal({k, m});
  for (auto _ : state) benchmark::DoNotOptimize(kernels::gemm(a, b).data());
  state.counters["GFLOP/s"] = benchmark::Counter(
      2e-9 * static_cast<double>(n * k * m) * static_cast<double>(state.iterations()),
      benchmark::Counter::kIsRate);
}
BENCHMARK(matmul)
    ->ArgNames({"n", "k", "m"})
    ->Args({256, 256, 256})
    ->Args({1024, 1024, 1024})
    ->Args({1024, 784, 50})
    ->Args({1024, 512, 10})
    ->UseRealTime();

}  // namespace
