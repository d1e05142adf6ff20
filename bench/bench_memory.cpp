// What is bound by memory: elementwise ops, reductions, copies, pooling and losses, forward and
// backward, on arrays of 64 MiB, which no cache holds. The rate counts every array once that must be
// read or written; copy and read are what the machine can do.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <functional>

#include "engine/engine.h"
#include "engine/kernels/elementwise.h"
#include "engine/ops/histogram.h"
#include "learner/callbacks/activation_stats.h"

using namespace kindling;

namespace {

constexpr Index kRows = 256 * 1024, kFeatures = 64, kElements = kRows * kFeatures;

Array random_matrix(Index rows, Index columns) {
  static Random random(1);
  return random.uniform({rows, columns}, -1, 1);
}

void rate(benchmark::State& state, double elements) {
  state.counters["B/s"] =
      benchmark::Counter(elements * sizeof(Scalar) * static_cast<double>(state.iterations()),
                         benchmark::Counter::kIsRate);
}

/// The limit: 64 MiB copied, and read.
void copy(benchmark::State& state) {
  const Array x = random_matrix(kRows, kFeatures);
  Array y(x.shape());
  const Scalar* in = x.data();
  Scalar* out = y.data();
  for (auto _ : state)
    parallel_chunks(kElements, kChunk, kElements, [&](Index begin, Index end) {
      math::Run(out + begin, end - begin) = math::ConstRun(in + begin, end - begin);
    });
  rate(state, 2 * kElements);
}
void read(benchmark::State& state) {
  const Array x = random_matrix(kRows, kFeatures);
  const Scalar* in = x.data();
  Array sums(Shape{kElements / kChunk});
  Scalar* out = sums.data();
  for (auto _ : state)
    parallel_chunks(kElements, kChunk, kElements, [&](Index begin, Index end) {
      out[begin / kChunk] = math::ConstRun(in + begin, end - begin).sum();
    });
  rate(state, kElements);
}
BENCHMARK(copy)->UseRealTime();
BENCHMARK(read)->UseRealTime();

using Op = std::function<Tensor(const std::vector<Tensor>&)>;

/// f(inputs) with nothing recorded.
void forward(benchmark::State& state, const Op& f, std::vector<Array> inputs, double arrays) {
  const std::vector<Tensor> x(inputs.begin(), inputs.end());
  inputs.clear();
  for (auto _ : state) f(x);
  rate(state, arrays * kElements);
}

/// The way back alone: the same graph is walked again and again. The cotangent is made anew, off the
/// clock, so that nobody else holds it.
void backward(benchmark::State& state, const Op& f, std::vector<Array> inputs, double arrays) {
  std::vector<Tensor> x;
  for (Array& input : inputs) x.emplace_back(std::move(input), true);
  inputs.clear();
  const Tensor y = f(x);
  const Array one(y.shape(), Scalar{1});
  for (auto _ : state) {
    state.PauseTiming();
    for (Tensor& leaf : x) leaf.zero_grad();
    Array dy = one;
    dy.data();
    state.ResumeTiming();
    y.backward(std::move(dy), true);
  }
  rate(state, arrays * kElements);
}

struct Row {
  const char* name;
  Op f;
  std::vector<Shape> inputs;
  double forward_arrays, backward_arrays;  ///< Read or written, in arrays of 64 MiB; 0: skip.
};

const Shape kBig{kRows, kFeatures};
const Shape kImages{1024, 16, 16, kFeatures};

std::vector<Row> rows() {
  using X = const std::vector<Tensor>&;
  return {
      {"relu", [](X x) { return relu(x[0]); }, {kBig}, 2, 3},
      {"leaky_relu", [](X x) { return leaky_relu(x[0], Scalar(0.1)); }, {kBig}, 2, 3},
      {"tanh", [](X x) { return tanh(x[0]); }, {kBig}, 2, 3},
      {"exp", [](X x) { return exp(x[0]); }, {kBig}, 2, 3},
      {"add", [](X x) { return add(x[0], x[1]); }, {kBig, kBig}, 3, 0},
      {"mul", [](X x) { return mul(x[0], x[1]); }, {kBig, kBig}, 3, 5},
      {"add_bias", [](X x) { return add(x[0], x[1]); }, {kBig, {kFeatures}}, 2, 1},
      {"mul_features", [](X x) { return mul(x[0], x[1]); }, {kBig, {kFeatures}}, 2, 3},
      {"add_bias10", [](X x) { return add(x[0], x[1]); }, {{kElements / 10, 10}, {10}}, 2, 1},
      {"add_column", [](X x) { return add(x[0], x[1]); }, {kBig, {kRows, 1}}, 2, 1},
      {"sum", [](X x) { return sum(x[0]); }, {kBig}, 1, 1},
      {"sum_rows", [](X x) { return sum(x[0], {0}); }, {kBig}, 1, 1},
      {"sum_features", [](X x) { return sum(x[0], {1}); }, {kBig}, 1, 1},
      {"max", [](X x) { return max(x[0]); }, {kBig}, 1, 0},
      {"max_rows", [](X x) { return max(x[0], {0}); }, {kBig}, 1, 0},
      {"max_features", [](X x) { return max(x[0], {1}); }, {kBig}, 1, 0},
      {"var", [](X x) { return var(x[0]); }, {kBig}, 2, 2},
      {"var_rows", [](X x) { return var(x[0], {0}); }, {kBig}, 2, 2},
      {"var_features", [](X x) { return var(x[0], {1}); }, {kBig}, 2, 2},
      {"transpose", [](X x) { return permute(x[0], {1, 0}); }, {kBig}, 2, 2},
      {"transpose_square", [](X x) { return permute(x[0], {1, 0}); }, {{4096, 4096}}, 2, 2},
      {"permute_nchw", [](X x) { return permute(x[0], {0, 3, 1, 2}); }, {kImages}, 2, 2},
      {"permute_heads", [](X x) { return permute(x[0], {0, 2, 1, 3}); }, {kImages}, 2, 2},
      {"max_pool2d", [](X x) { return max_pool2d(x[0], {2, 2}, {2, 2}); }, {kImages}, 1.5, 1.5},
      {"avg_pool2d", [](X x) { return avg_pool2d(x[0], {2, 2}, {2, 2}); }, {kImages}, 1.25, 1.25},
      {"log_softmax", [](X x) { return log_softmax(x[0]); }, {kBig}, 2, 3},
      {"log_softmax10", [](X x) { return log_softmax(x[0]); }, {{kElements / 10, 10}}, 2, 3},
      {"mse_loss", [](X x) { return mse_loss(x[0], x[1]); }, {kBig, kBig}, 2, 4},
  };
}

Tensor cross_entropy_of(const Tensor& x) {
  static IntArray labels;
  if (labels.size() != x.dim(0) || !labels.defined()) {
    labels = IntArray(Shape{x.dim(0)});
    for (Index i = 0; i < labels.size(); ++i)
      labels.data()[i] = static_cast<std::int32_t>(i * 7 % x.dim(1));
  }
  return cross_entropy(x, labels);
}

std::vector<Array> draw(const std::vector<Shape>& shapes) {
  std::vector<Array> arrays;
  for (const Shape& shape : shapes) arrays.push_back(random_matrix(1, shape.size()).reshape(shape));
  return arrays;
}

void histogram40(benchmark::State& state) {
  const Tensor x(random_matrix(kRows, kFeatures));
  for (auto _ : state) benchmark::DoNotOptimize(histogram(x, 40, 0, 10, true));
  rate(state, kElements);
}
BENCHMARK(histogram40)->UseRealTime();

void layer_stats(benchmark::State& state) {
  const Tensor x(random_matrix(kRows, kFeatures));
  LayerStats stats;
  for (auto _ : state) append_stats(stats, x);
  rate(state, kElements);
}
BENCHMARK(layer_stats)->UseRealTime();

[[maybe_unused]] const bool registered = [] {
  std::vector<Row> all = rows();
  all.push_back({"cross_entropy", [](const auto& x) { return cross_entropy_of(x[0]); },
                 {kBig}, 1, 2});
  all.push_back({"cross_entropy10", [](const auto& x) { return cross_entropy_of(x[0]); },
                 {{kElements / 10, 10}}, 1, 2});
  for (const Row& row : all) {
    const std::string name = row.name;
    benchmark::RegisterBenchmark((name + "/forward").c_str(), [row](benchmark::State& state) {
      forward(state, row.f, draw(row.inputs), row.forward_arrays);
    })->UseRealTime();
    if (row.backward_arrays == 0) continue;
    benchmark::RegisterBenchmark((name + "/backward").c_str(), [row](benchmark::State& state) {
      backward(state, row.f, draw(row.inputs), row.backward_arrays);
    })->UseRealTime();
  }
  return true;
}();

/// One element, forward and backward: what the tape costs.
void tape(benchmark::State& state) {
  Tensor x(Array::scalar(3), true);
  for (auto _ : state) {
    (x * x).backward();
    x.zero_grad();
  }
}
BENCHMARK(tape);

}  // namespace
