#include "engine/random.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>
#include <utility>

#include "engine/error.h"
#include "engine/parallel.h"

namespace kindling {

namespace {

/// 32 random bits to the middle of one of 2^24 equal cells of (0, 1): never 0 and, in float and in
/// double, never 1, so that its logarithm is finite.
double open_unit(std::uint32_t bits) { return ((bits >> 8) + 0.5) * 0x1p-24; }

/// Fills an array four elements to a block; element(bits of a block, k) makes the k-th of them.
template <class Element>
Array fill(std::uint64_t key, std::uint64_t first, const Shape& shape, const Element& element) {
  Array result(shape);
  Scalar* out = result.data();
  parallel_chunks(result.size(), kChunk, result.size() * 16, [&](Index begin, Index end) {
    for (Index i = begin; i < end; i += 4) {
      const auto bits = Random::block(key, first + static_cast<std::uint64_t>(i) / 4);
      for (Index k = 0; k < 4 && i + k < end; ++k) out[i + k] = element(bits, k);
    }
  });
  return result;
}

std::uint64_t blocks_for(Index n) { return static_cast<std::uint64_t>(n + 3) / 4; }

}  // namespace

std::array<std::uint32_t, 4> Random::block(std::uint64_t key, std::uint64_t counter) {
  constexpr std::uint32_t kMultiply0 = 0xD2511F53, kMultiply1 = 0xCD9E8D57;
  constexpr std::uint32_t kWeyl0 = 0x9E3779B9, kWeyl1 = 0xBB67AE85;
  std::uint32_t k0 = static_cast<std::uint32_t>(key), k1 = static_cast<std::uint32_t>(key >> 32);
  std::array<std::uint32_t, 4> c{static_cast<std::uint32_t>(counter),
                                 static_cast<std::uint32_t>(counter >> 32), 0, 0};
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = std::uint64_t{kMultiply0} * c[0];
    const std::uint64_t p1 = std::uint64_t{kMultiply1} * c[2];
    c = {static_cast<std::uint32_t>(p1 >> 32) ^ c[1] ^ k0, static_cast<std::uint32_t>(p1),
         static_cast<std::uint32_t>(p0 >> 32) ^ c[3] ^ k1, static_cast<std::uint32_t>(p0)};
    k0 += kWeyl0;
    k1 += kWeyl1;
  }
  return c;
}

std::uint64_t Random::take(std::uint64_t n) {
  return std::exchange(state_.counter, state_.counter + n);
}

Array Random::uniform(const Shape& shape, Scalar low, Scalar high) {
  check<Error>(low <= high, "uniform", "[", low, ", ", high, ") is empty");
  const std::uint64_t first = take(blocks_for(shape.size()));
  const Scalar last = std::nextafter(high, low);  // the sum below may round up to high
  return fill(state_.key, first, shape, [=](const auto& bits, Index k) {
    const Scalar unit = static_cast<Scalar>((bits[k] >> 8) * 0x1p-24);  // what a float holds
    return std::min(low + (high - low) * unit, last);
  });
}

Array Random::normal(const Shape& shape, Scalar mean, Scalar std) {
  const std::uint64_t first = take(blocks_for(shape.size()));
  return fill(state_.key, first, shape, [=](const auto& bits, Index k) {
    const double radius = std::sqrt(-2 * std::log(open_unit(bits[k & ~Index{1}])));
    const double angle = 2 * std::numbers::pi * open_unit(bits[k | 1]);
    return static_cast<Scalar>(mean + std * radius * (k % 2 ? std::sin(angle) : std::cos(angle)));
  });
}

Array Random::bernoulli(const Shape& shape, double probability, Scalar value) {
  check<Error>(probability >= 0 && probability <= 1, "bernoulli", "probability ", probability,
               ": in [0, 1] expected");
  const std::uint64_t first = take(blocks_for(shape.size()));
  return fill(state_.key, first, shape, [=](const auto& bits, Index k) {
    return bits[k] * 0x1p-32 < probability ? value : Scalar{0};
  });
}

std::vector<Index> Random::permutation(Index n) {
  check<Error>(n >= 0, "permutation", "of ", n, " elements");
  std::vector<Index> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), Index{0});
  const std::uint64_t first = take(static_cast<std::uint64_t>(n));
  for (Index i = n - 1; i > 0; --i) {
    const auto bits = block(state_.key, first + static_cast<std::uint64_t>(i));
    const std::uint64_t random = (std::uint64_t{bits[1]} << 32) | bits[0];
    // The high half of a 64 x 64 bit product is uniform on [0, i] but for a bias of i / 2^64.
    __extension__ using Wide = unsigned __int128;
    const auto j =
        static_cast<std::size_t>((Wide{random} * static_cast<std::uint64_t>(i + 1)) >> 64);
    std::swap(order[static_cast<std::size_t>(i)], order[j]);
  }
  return order;
}

std::uint64_t Random::bits() {
  const auto words = block(state_.key, take(1));
  return (std::uint64_t{words[1]} << 32) | words[0];
}

std::uint32_t Draw::word() {
  if (left_ == 0) {
    block_ = Random::block(key_, counter_++);
    left_ = 4;
  }
  return block_[static_cast<std::size_t>(--left_)];
}

double Draw::uniform() { return word() * 0x1p-32; }

double Draw::normal() {
  const double u = (word() + 0.5) * 0x1p-32, v = uniform();
  return std::sqrt(-2 * std::log(u)) * std::cos(2 * std::numbers::pi * v);
}

Index Draw::below(Index n) { return static_cast<Index>(uniform() * static_cast<double>(n)); }

Random& default_random() {
  static Random random;
  return random;
}

void set_seed(std::uint64_t seed) { default_random() = Random(seed); }

}  // namespace kindling
