#include "engine/random.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <numeric>
#include <set>

#include "engine/error.h"
#include "engine/parallel.h"
#include "tests/support/errors.h"
#include "tests/support/plain.h"

namespace kindling::test {

namespace {

using Words = std::array<std::uint32_t, 4>;

/// Philox4x32-10 as the paper writes it, with the whole counter and one statement a step.
Words philox(Words counter, std::array<std::uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t left = 0xD2511F53ull * counter[0], right = 0xCD9E8D57ull * counter[2];
    const Words next{static_cast<std::uint32_t>(right >> 32) ^ counter[1] ^ key[0],
                     static_cast<std::uint32_t>(right),
                     static_cast<std::uint32_t>(left >> 32) ^ counter[3] ^ key[1],
                     static_cast<std::uint32_t>(left)};
    counter = next;
    key[0] += 0x9E3779B9u;
    key[1] += 0xBB67AE85u;
  }
  return counter;
}

struct Moments {
  double mean = 0, variance = 0, skewness = 0, kurtosis = 0;
  explicit Moments(const Array& x) {
    const auto n = static_cast<double>(x.size());
    for (const Scalar v : x.values()) mean += v / n;
    for (const Scalar v : x.values()) variance += (v - mean) * (v - mean) / n;
    for (const Scalar v : x.values()) {
      const double z = (v - mean) / std::sqrt(variance);
      skewness += z * z * z / n;
      kurtosis += z * z * z * z / n;
    }
  }
};

}  // namespace

TEST_CASE("the reference Philox gives the known answers of Random123") {
  CHECK_EQ(philox({0, 0, 0, 0}, {0, 0}), Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  constexpr std::uint32_t kOnes = 0xffffffff;
  CHECK_EQ(philox({kOnes, kOnes, kOnes, kOnes}, {kOnes, kOnes}),
           Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK_EQ(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
           Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("our blocks are Philox's, for any key and any 64-bit counter") {
  CHECK_EQ(Random::block(0, 0), Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  for (const std::uint64_t key : {0ull, 1ull, 0x299f31d0a4093822ull, ~0ull})
    for (const std::uint64_t counter : {0ull, 1ull, 0x85a308d3243f6a88ull, 1ull << 32, ~0ull})
      CHECK_EQ(Random::block(key, counter),
               philox({static_cast<std::uint32_t>(counter),
                       static_cast<std::uint32_t>(counter >> 32), 0, 0},
                      {static_cast<std::uint32_t>(key), static_cast<std::uint32_t>(key >> 32)}));
}

TEST_CASE("uniform numbers fill [low, high) evenly") {
  const Array x = Random(1).uniform({200000}, -3, 5);
  const auto [least, most] = std::minmax_element(x.values().begin(), x.values().end());
  CHECK_GE(*least, -3);
  CHECK_LT(*most, 5);
  CHECK_LT(*least, -2.99);
  CHECK_GT(*most, 4.99);
  const Moments m(x);
  CHECK_LT(std::abs(m.mean - 1), 0.02);
  CHECK_LT(std::abs(m.variance - 64.0 / 12), 0.05);
  CHECK_LT(std::abs(m.kurtosis - 1.8), 0.02);
}

TEST_CASE("a uniform number never reaches high, even where numbers are sparse") {
  const auto low = static_cast<Scalar>(16777214), high = static_cast<Scalar>(16777216);
  const Array x = Random(2).uniform({100000}, low, high);
  for (const Scalar v : x.values()) REQUIRE((v >= low && v < high));
}

TEST_CASE("normal numbers have the moments of a normal distribution") {
  const Array x = Random(3).normal({400000}, 2, 3);
  const Moments m(x);
  CHECK_LT(std::abs(m.mean - 2), 0.03);
  CHECK_LT(std::abs(m.variance - 9), 0.1);
  CHECK_LT(std::abs(m.skewness), 0.02);
  CHECK_LT(std::abs(m.kurtosis - 3), 0.05);
  for (const Scalar v : x.values()) REQUIRE(std::isfinite(v));
}

TEST_CASE("neighbours are not correlated") {
  for (const Array& x : {Random(4).uniform({100000}, -1, 1), Random(4).normal({100000})}) {
    const double variance = Moments(x).variance;
    for (const Index lag : {1, 2, 3, 4, 8}) {
      double product = 0;
      for (Index i = 0; i + lag < x.size(); ++i) product += static_cast<double>(x[i]) * x[i + lag];
      CHECK_LT(std::abs(product / static_cast<double>(x.size()) / variance), 0.02);
    }
  }
}

TEST_CASE("the same bits for any number of threads") {
  const int threads = max_threads();
  std::vector<Array> uniform, normal;
  for (const int n : {1, 2, 4, 8}) {
    set_threads(n);
    uniform.push_back(Random(5).uniform({100003}, -1, 1));
    normal.push_back(Random(5).normal({100003}));
  }
  set_threads(threads);
  for (std::size_t i = 1; i < uniform.size(); ++i) {
    CHECK(same_bits(uniform[i], uniform[0]));
    CHECK(same_bits(normal[i], normal[0]));
  }
}

TEST_CASE("seeds make different streams, and a stream does not repeat itself") {
  Random a(1), b(2);
  const Array first = a.uniform({64});
  CHECK_FALSE(same_bits(first, b.uniform({64})));
  CHECK_FALSE(same_bits(first, a.uniform({64})));
  CHECK(same_bits(first, Random(1).uniform({64})));
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(a.bits());
  CHECK_EQ(seen.size(), 1000);
}

TEST_CASE("a saved state can be put back") {
  Random random(6);
  random.normal({7});
  const Random::State state = random.state();
  const Array x = random.normal({5}), y = random.uniform({5});
  const auto order = random.permutation(20);
  random.set_state(state);
  CHECK(same_bits(random.normal({5}), x));
  CHECK(same_bits(random.uniform({5}), y));
  CHECK_EQ(random.permutation(20), order);
  CHECK(same_bits(Random(state).normal({5}), x));
  CHECK_EQ(Random(state).state(), state);
}

TEST_CASE("set_seed makes the shared stream repeatable") {
  const Random::State before = default_random().state();
  set_seed(42);
  const Array x = default_random().uniform({8});
  set_seed(42);
  CHECK(same_bits(default_random().uniform({8}), x));
  CHECK(same_bits(Random(42).uniform({8}), x));
  default_random().set_state(before);
}

TEST_CASE("a permutation holds every number once") {
  Random random(7);
  for (const Index n : {0, 1, 2, 3, 10, 1000}) {
    auto order = random.permutation(n);
    std::vector<Index> all(static_cast<std::size_t>(n));
    std::iota(all.begin(), all.end(), Index{0});
    if (n == 1000) CHECK_NE(order, all);
    std::sort(order.begin(), order.end());
    CHECK_EQ(order, all);
  }
  CHECK_THROWS_AS(random.permutation(-1), Error);
}

TEST_CASE("all permutations are equally likely") {
  Random random(8);
  std::map<std::vector<Index>, int> counts;
  constexpr int kTrials = 24000;
  for (int i = 0; i < kTrials; ++i) ++counts[random.permutation(4)];
  CHECK_EQ(counts.size(), 24);
  double chi_square = 0;
  for (const auto& [order, count] : counts)
    chi_square += (count - kTrials / 24.0) * (count - kTrials / 24.0) / (kTrials / 24.0);
  CHECK_LT(chi_square, 49.7);  // 23 degrees of freedom, p = 0.001
}

TEST_CASE("bernoulli is the value as often as it should be, and 0 else") {
  Random random(5);
  for (const double p : {0.0, 0.1, 0.5, 1.0}) {
    const Array drawn = random.bernoulli({1000, 100}, p, 3);
    double hits = 0;
    for (const Scalar v : drawn.values()) {
      CHECK_UNARY((v == 0 || v == 3));
      hits += v == 3;
    }
    CHECK(std::abs(hits - 1e5 * p) <= 6 * std::sqrt(1e5 * p * (1 - p)));
  }
  Random again(5), twin(5);
  CHECK(same_bits(again.bernoulli({37}, 0.3), twin.bernoulli({37}, 0.3)));
  CHECK(again.state() == twin.state());
  for (const double p : {-0.1, 1.1, std::nan("")})
    CHECK(begins(message_of([&] { random.bernoulli({1}, p); }), "[bernoulli] probability "));
}

TEST_CASE("empty shapes draw nothing and use nothing up") {
  Random random(9);
  const Random::State before = random.state();
  CHECK_EQ(random.uniform({0, 3}).shape(), Shape{0, 3});
  CHECK_EQ(random.normal({0}).size(), 0);
  CHECK_EQ(random.state(), before);
}

}  // namespace kindling::test
