#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bench/limits.h"
#include "engine/array.h"

/// What a benchmark is made of: a Case that is prepared into a Trial, in which kindling and its
/// peers compute the same thing; all are checked, then timed in turn.
namespace kindling::bench {

inline constexpr const char* kOurs = "kindling";
/// Takes its turns where memory is the limit, and only moves the bytes.
inline constexpr const char* kMachine = "machine";

/// One who computes the case. What `run` needs it owns.
struct Contender {
  std::string name;                   ///< kOurs, or the peer's, with a variant after a blank.
  std::function<void()> run;          ///< What is timed.
  std::function<Array()> result;      ///< Computes once more and returns it, laid out as ours;
                                      ///< empty for the machine.
  std::function<void()> before = {};  ///< Called before each run, off the clock.
};

/// The oracle's answer, for some or all elements of the result.
struct Expected {
  std::vector<Index> at;
  std::vector<double> value;
  std::vector<double> slack;  ///< How far off a right result may be.

  void add(Index i, double v, double s) { at.push_back(i), value.push_back(v), slack.push_back(s); }
  /// Empty when the result is right, otherwise one line that names the first wrong element.
  std::string trouble(const Array& result) const;
};

struct Trial {
  std::vector<Contender> contenders;  ///< Ours first.
  Expected expected;
};

/// In which unit the rate of a row is given.
enum class Unit { gflops, gigabytes, images, time, mebibytes };

struct Case {
  std::string name;  ///< What, on what, how: "matmul/256x256x256/none"; as --filter sees it.
  Unit unit = Unit::gflops;
  double flops = 0;              ///< Arithmetic of one run, 0 where it is no matter.
  double read = 0, written = 0;  ///< Bytes that have to be read and written at least.
  bool in_place = false;         ///< What is written was read before.
  double images = 0;             ///< Of a training step.
  bool quick = true;             ///< Part of the quick run.
  int threads = 0;               ///< 0: as many as asked for.
  std::function<Trial()> prepare;
  /// Instead of prepare, for what is not timed: an amount for every contender, the less the better.
  std::function<std::map<std::string, double>()> amounts;
};
using Cases = std::vector<Case>;

/// Of one case.
struct Result {
  Case what;
  int threads = 1;
  /// Seconds of one run, a number a round; amounts stand alone.
  std::map<std::string, std::vector<double>> rounds;
  std::map<std::string, std::string> wrong;  ///< Who computed something else, and what.
  std::optional<Limits::Roof> roof;

  double median(const std::string& contender) const;
  /// How many times longer (or how much more) than ours the peer took: the median over the rounds
  /// of its time / ours. Of variants of a peer, the one that took least. None where it did not take
  /// part.
  std::optional<double> ratio(const std::string& peer) const;
  /// Of the limit that binds, 0 to 1 (or somewhat more, out of a cache); none where none is known.
  /// Where the machine took its turns, its time by ours.
  std::optional<double> share() const;
};

struct Settings {
  int threads = 1;
  int rounds = 0;      ///< 0: as many as fit into `seconds`, 3 to 9.
  double turn = 0.01;  ///< Seconds that a contender's turn lasts at least.
  double seconds = 1;  ///< For all rounds of a case, where the rounds are not given.
};

/// Prepares, checks and times a case. The contenders take turns, and the one that begins is another
/// in each round. A contender whose result is wrong is named in `wrong` and not timed.
Result measure(const Case& what, const Settings& settings);

/// The middle one; of an even number, the mean of the two in the middle. NaN for none.
double median(std::vector<double> numbers);

/// Uniform in [-1, 1), the same for the same seed.
Array noise(const Shape& shape, int seed);

}  // namespace kindling::bench
