#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "engine/array.h"

namespace kindling {

/// Counter-based random numbers: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as
/// 1, 2, 3", SC 2011). Number i of a stream is a pure function of (key, i), so any thread may
/// compute any part and the bits are the same for every number of threads; the state is two
/// integers that can be saved and put back.
class Random {
 public:
  /// All that decides what is drawn next.
  struct State {
    std::uint64_t key = 0;      ///< Which stream.
    std::uint64_t counter = 0;  ///< How many blocks of four numbers are used up.
    /// The same numbers follow.
    friend bool operator==(const State&, const State&) = default;
  };

  explicit Random(std::uint64_t seed = 0) : state_{seed, 0} {}  ///< Stream `seed`, from its start.
  explicit Random(State state) : state_(state) {}  ///< Goes on from a state that was saved.
  /// Where it stands, to be saved and put back.
  /// @{
  const State& state() const { return state_; }
  void set_state(State state) { state_ = state; }
  /// @}

  /// Uniform in [low, high). Throws Error when low > high.
  Array uniform(const Shape& shape, Scalar low = 0, Scalar high = 1);
  /// Normal, by Box and Muller's transform.
  Array normal(const Shape& shape, Scalar mean = 0, Scalar std = 1);
  /// `value` with this probability, else 0. Throws Error for a probability outside [0, 1].
  Array bernoulli(const Shape& shape, double probability, Scalar value = 1);
  /// The numbers 0 .. n-1 in random order (Fisher and Yates). Throws Error when n < 0.
  std::vector<Index> permutation(Index n);
  /// A fresh 64-bit number: to seed another stream with.
  std::uint64_t bits();

  /// Block `counter` of stream `key`: four uniform 32-bit numbers.
  static std::array<std::uint32_t, 4> block(std::uint64_t key, std::uint64_t counter);

 private:
  /// Reserves n blocks and returns the first.
  std::uint64_t take(std::uint64_t n);
  State state_;
};

/// Random numbers of one sample of a batch, one at a time: the same whatever thread asks.
class Draw {
 public:
  /// `key`: the batch's number, of Random::bits(). `sample`: its row, below 2^32.
  Draw(std::uint64_t key, Index sample)
      : key_(key), counter_(static_cast<std::uint64_t>(sample) << 32) {}
  double uniform();                                ///< In [0, 1).
  double normal();                                 ///< Of mean 0 and deviation 1.
  Index below(Index n);                            ///< In [0, n).
  bool chance(double p) { return uniform() < p; }  ///< Never for p = 0, always for p = 1.

 private:
  std::uint32_t word();
  std::uint64_t key_, counter_;
  std::array<std::uint32_t, 4> block_{};
  int left_ = 0;
};

/// The stream that everything draws from that is not given its own: initialization, shuffling.
Random& default_random();

/// One call makes a run repeatable.
void set_seed(std::uint64_t seed);

}  // namespace kindling
