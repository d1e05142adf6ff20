// From three loops to a fast matrix product: the same sums, in an order that suits the machine.

#include <Eigen/Core>
#include <algorithm>
#include <chrono>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "engine/error.h"
#include "engine/ops/matmul.h"
#include "engine/random.h"
#include "learner/examples/example.h"

using namespace kindling;

namespace {

/// C += A B of n x n matrices, row-major.
using Product = void (*)(Index n, const float* a, const float* b, float* c);

/// The definition. Every step of k jumps to another row of b: one number used of each cache line.
void naive(Index n, const float* a, const float* b, float* c) {
  for (Index i = 0; i < n; ++i)
    for (Index j = 0; j < n; ++j)
      for (Index k = 0; k < n; ++k) c[i * n + j] += a[i * n + k] * b[k * n + j];
}

/// The two inner loops swapped: b and c are read along their rows, a vector register at a time.
void reordered(Index n, const float* a, const float* b, float* c) {
  for (Index i = 0; i < n; ++i)
    for (Index k = 0; k < n; ++k)
      for (Index j = 0; j < n; ++j) c[i * n + j] += a[i * n + k] * b[k * n + j];
}

/// A piece of b that stays in the cache while all rows of a and c pass by.
void blocked(Index n, const float* a, const float* b, float* c) {
  constexpr Index kDeep = 64, kWide = 256;  // 64 kB
  for (Index k0 = 0; k0 < n; k0 += kDeep)
    for (Index j0 = 0; j0 < n; j0 += kWide)
      for (Index i = 0; i < n; ++i)
        for (Index k = k0; k < std::min(k0 + kDeep, n); ++k)
          for (Index j = j0; j < std::min(j0 + kWide, n); ++j)
            c[i * n + j] += a[i * n + k] * b[k * n + j];
}

/// A piece of c, 4 x 32, that stays in registers while k passes by: a step reads 4 + 32 numbers for
/// 4 x 32 products and writes nothing.
void tiled(Index n, const float* a, const float* b, float* c) {
  constexpr int kWide = 32;
  using Row = Eigen::Array<float, kWide, 1>;  // so that the compiler keeps it in registers
  for (Index j = 0; j < n; j += kWide)
    for (Index i = 0; i < n; i += 4) {
      Row c0 = Row::Zero(), c1 = Row::Zero(), c2 = Row::Zero(), c3 = Row::Zero();
      for (Index k = 0; k < n; ++k) {
        const float* at = a + i * n + k;
        const Row row = Eigen::Map<const Row>(b + k * n + j);
        c0 += at[0] * row, c1 += at[n] * row, c2 += at[2 * n] * row, c3 += at[3 * n] * row;
      }
      Index to = i * n + j;
      for (const Row& row : {c0, c1, c2, c3}) Eigen::Map<Row>(c + to) += row, to += n;
    }
}

/// Whole numbers from -4 to 4: their sums are exact in any order.
Array whole_numbers(Index n) {
  Array x = default_random().uniform({n, n}, -4.4, 4.4);
  for (float& v : std::span(x.data(), static_cast<std::size_t>(n * n))) v = std::round(v);
  return x;
}

double seconds(const std::function<void()>& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

}  // namespace

int main(int argc, char** argv) {
  return run_example("01_matmul", argc, argv, [](bool brief) {
    const Index n = brief ? 256 : 768;
    const Array a = whole_numbers(n), b = whole_numbers(n);
    Array c, expected;
    const auto by = [&](Product product) {
      return [&, product] {
        c = Array({n, n}, 0);
        product(n, a.data(), b.data(), c.data());
      };
    };
    const auto ours = [&](int n_threads) {
      return [&, n_threads] {
        set_threads(n_threads);
        c = matmul(Tensor(a), Tensor(b)).value();
      };
    };
    struct Way {
      std::string name;
      std::function<void()> work;
      double best = 1e9;
    };
    std::vector<Way> ways{{"naive", by(naive)},     {"reordered", by(reordered)},
                          {"blocked", by(blocked)}, {"tiled", by(tiled)},
                          {"ours", ours(1)},        {"all threads", ours(max_threads())}};
    for (int round = 0; round < 10; ++round)  // by turns: what disturbs one disturbs all
      for (Way& way : ways) {
        if (round > 0 && way.best > 1) continue;  // long enough to be measured once
        way.best = std::min(way.best, seconds(way.work));
        if (!expected.defined()) expected = c;  // the naive one's
        check<Error>(std::ranges::equal(c.values(), expected.values()), "matmul", way.name,
                     " errs");
      }
    std::printf("%-16s %8s  %s\n", str(n, " x ", n).c_str(), "GFLOP/s", "times naive");
    for (const Way& way : ways)
      std::printf("%-16s %8.1f  %6.1f\n", way.name.c_str(), 2e-9 * n * n * n / way.best,
                  ways[0].best / way.best);
  });
}
