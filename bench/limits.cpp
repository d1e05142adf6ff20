#include "bench/limits.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <utility>

#include "engine/array.h"
#include "engine/kernels/simd.h"
#include "engine/parallel.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace kindling::bench {

namespace {

constexpr int kLanes = simd::kLanes<float>;
using V = simd::Vec<float, kLanes>;

volatile float sink;  // what is written here has to be computed

double seconds(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// The shortest of several runs: nothing but a limit is asked for.
double shortest(int runs, const std::function<void()>& work) {
  work();
  double best = seconds(work);
  for (int i = 1; i < runs; ++i) best = std::min(best, seconds(work));
  return best;
}

/// Twelve sums that do not wait for each other, all in registers: a fused multiply-add takes some
/// four cycles, and two may begin in each.
template <std::size_t... I>
float fma_chains(Index n, std::index_sequence<I...>) {
  V sums[sizeof...(I)] = {(V{} + static_cast<float>(I))...};
  const V a = V{} + 0.999f, b = V{} + 0.001f;
  for (Index i = 0; i < n; ++i) ((sums[I] = sums[I] * a + b), ...);
  const V sum = (sums[I] + ...);
  float total = 0;
  for (int i = 0; i < kLanes; ++i) total += sum[i];
  return total;
}

double measure_flops(int threads) {
  constexpr std::size_t kChains = 12;
  constexpr Index kTurns = 1'000'000;
  const double time = shortest(40, [&] {
    parallel_for(threads, kGrain,
                 [](Index) { sink = fma_chains(kTurns, std::make_index_sequence<kChains>()); });
  });
  return 2.0 * kLanes * kChains * kTurns * threads / time;
}

// The loops over n floats, n a multiple of the unit below; a, b and c are aligned to 64 bytes.

void read(const float* a, const float*, float*, Index n) {
  constexpr int kStreams = 4, kEach = 2;  // several streams keep more of memory busy than one
  V sums[kStreams][kEach] = {};
  for (Index i = 0; i < n / kStreams; i += kEach * kLanes)
    for (int s = 0; s < kStreams; ++s)
      for (int j = 0; j < kEach; ++j)
        sums[s][j] += simd::load<V>(a + s * (n / kStreams) + i + j * kLanes);
  V sum{};
  for (const auto& stream : sums)
    for (const V& v : stream) sum += v;
  sink = sum[0];
}
void copy(const float* a, const float*, float* c, Index n) {
  for (Index i = 0; i < n; i += kLanes) simd::store(c + i, simd::load<V>(a + i));
}
void triad(const float* a, const float* b, float* c, Index n) {
  for (Index i = 0; i < n; i += kLanes)
    simd::store(c + i, simd::load<V>(a + i) + 0.5f * simd::load<V>(b + i));
}
void update(const float*, const float* b, float* c, Index n) {
  for (Index i = 0; i < n; i += kLanes)
    simd::store(c + i, simd::load<V>(c + i) + 1e-9f * simd::load<V>(b + i));
}
#ifdef __SSE2__
// Streaming stores go around the caches, so that nothing is fetched only to be overwritten.
void copy_streaming(const float* a, const float*, float* c, Index n) {
  for (Index i = 0; i < n; i += 4) _mm_stream_ps(c + i, _mm_load_ps(a + i));
}
void triad_streaming(const float* a, const float* b, float* c, Index n) {
  const __m128 half = _mm_set1_ps(0.5f);
  for (Index i = 0; i < n; i += 4)
    _mm_stream_ps(c + i, _mm_add_ps(_mm_load_ps(a + i), _mm_mul_ps(half, _mm_load_ps(b + i))));
}
#endif

using Loop = void (*)(const float* a, const float* b, float* c, Index n);

/// Loops that do the same: how many arrays they walk over, and how often an element passes by, read
/// or written.
struct Loops {
  std::vector<Loop> ways;
  int arrays, passes;
  double Bandwidth::*rate;
};
#ifdef __SSE2__
const Loops kCopy{{copy, copy_streaming}, 2, 2, &Bandwidth::copy};
const Loops kTriad{{triad, triad_streaming}, 3, 3, &Bandwidth::triad};
#else
const Loops kCopy{{copy}, 2, 2, &Bandwidth::copy};
const Loops kTriad{{triad}, 3, 3, &Bandwidth::triad};
#endif
const Loops kRead{{read}, 1, 1, &Bandwidth::read};
const Loops kUpdate{{update}, 2, 3, &Bandwidth::update};

/// The one most like a kernel that reads and writes so much.
const Loops& most_like(double read, double written, bool in_place) {
  const double share = written / (read + written);
  return in_place ? kUpdate : share < 0.2 ? kRead : share < 0.4 ? kTriad : kCopy;
}

constexpr Index kUnit = 512;  // floats: a multiple of what any of the loops does at a time

constexpr double kKiB = 1024, kMiB = 1024 * kKiB;
constexpr double kFootprints[] = {128 * kKiB, 512 * kKiB, 2 * kMiB,   8 * kMiB,  16 * kMiB,
                                  32 * kMiB,  64 * kMiB,  128 * kMiB, 256 * kMiB};

/// The arrays that the loops walk over, long enough for the largest footprint.
struct Walk {
  static constexpr Index kMost = 64 << 20;  // floats in 256 MiB
  Array a{{kMost}, 1}, b{{kMost / 2}, 1}, c{{kMost / 2}, 1};

  /// Every thread walks its own part, again and again within one parallel region: the price of
  /// starting threads is no matter of bandwidth.
  double bytes_per_second(const Loops& of, Loop loop, double footprint, int threads) {
    const Index share = static_cast<Index>(footprint / 4 / of.arrays / threads);
    const Index n = std::max<Index>(share / kUnit, 1) * kUnit;
    const float *in = std::as_const(a).data(), *in2 = std::as_const(b).data();
    float* const out = c.data();
    const double bytes = 4.0 * static_cast<double>(n) * of.passes * threads;
    const Index turns = 1 + static_cast<Index>(2e8 / bytes);
    const double time = seconds([&] {
      parallel_for(threads, kGrain, [&](Index t) {
        for (Index i = 0; i < turns; ++i) loop(in + t * n, in2 + t * n, out + t * n, n);
      });
    });
    return bytes * static_cast<double>(turns) / time;
  }
};

}  // namespace

double Limits::bytes_per_second(double read, double written, bool in_place) const {
  const double footprint = in_place ? read : read + written;
  const auto rate = most_like(read, written, in_place).rate;
  double best = 0;
  for (std::size_t i = 0; i < bandwidth.size(); ++i) {
    const bool smaller = i + 1 < bandwidth.size() && bandwidth[i + 1].footprint <= footprint;
    if (!smaller) best = std::max(best, bandwidth[i].*rate);
  }
  return best;
}

Limits::Roof Limits::roof(double arithmetic, double read, double written, bool in_place) const {
  const double compute = arithmetic / flops;
  const double memory =
      read + written > 0 ? (read + written) / bytes_per_second(read, written, in_place) : 0;
  return {std::max(compute, memory), memory > compute};
}

std::vector<std::function<void()>> memory_walks(double read, double written, bool in_place,
                                                int threads) {
  const Loops& loops = most_like(read, written, in_place);
  const Index share = static_cast<Index>((read + written) / 4 / loops.passes / threads);
  const Index n = std::max<Index>(share / kUnit, 1) * kUnit;
  const Array a({n * threads}, 1), b = Array({n * threads}, 1);
  const auto c = std::make_shared<Array>(Shape{n * threads}, 1.0f);
  std::vector<std::function<void()>> walks;
  for (const Loop loop : loops.ways)
    walks.push_back([=] {
      float* const out = c->data();
      parallel_for(threads, kGrain,
                   [&](Index t) { loop(a.data() + t * n, b.data() + t * n, out + t * n, n); });
    });
  return walks;
}

Limits measure_limits(int threads) {
  set_threads(threads);
  Limits limits{threads, measure_flops(threads), {}};
  for (const double footprint : kFootprints) limits.bandwidth.push_back({footprint, 0, 0, 0, 0});
  Walk walk;
  // Round after round over all sizes, so that a moment of noise spoils one try of each and not all
  // tries of one.
  for (int round = 0; round < 8; ++round)
    for (Bandwidth& best : limits.bandwidth) {
      for (const Loops* loops : {&kRead, &kCopy, &kTriad, &kUpdate})
        for (const Loop loop : loops->ways) {
          // Streaming goes to memory, also what a cache could hold.
          if (loop != loops->ways.front() && best.footprint < kMiB) continue;
          double& rate = best.*loops->rate;
          rate = std::max(rate, walk.bytes_per_second(*loops, loop, best.footprint, threads));
        }
    }
  return limits;
}

}  // namespace kindling::bench
