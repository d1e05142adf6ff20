#include "bench/harness.h"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>

#include "bench/peers.h"
#include "engine/error.h"
#include "engine/parallel.h"
#include "engine/random.h"

namespace kindling::bench {

namespace {

/// Google Benchmark hands its runs to a reporter; this one only keeps them.
class Collector : public benchmark::BenchmarkReporter {
 public:
  explicit Collector(Result& result) : result_(result) {}
  bool ReportContext(const Context&) override { return true; }
  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs)
      result_.rounds[run.run_name.function_name].push_back(run.real_accumulated_time /
                                                           static_cast<double>(run.iterations));
  }

 private:
  Result& result_;
};

double seconds(const std::function<void()>& run) {
  const auto start = std::chrono::steady_clock::now();
  run();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void once(const Contender& who) {
  if (who.before) who.before();
  who.run();
}

/// A contender and how it is timed.
struct Timed {
  const Contender* who;
  double guess;      ///< Seconds of a run, roughly.
  Index iterations;  ///< In a turn.
};

/// Runs what is short once before the clock starts: the others have had the caches meanwhile.
void one_turn(benchmark::State& state, const Timed& timed) {
  constexpr double kLong = 0.02;
  const auto& [name, run, result, before] = *timed.who;
  if (timed.guess < kLong) once(*timed.who);
  for (auto _ : state) {
    if (before) {
      state.PauseTiming();
      before();
      state.ResumeTiming();
    }
    run();
  }
}

std::vector<Timed> right_ones(const Trial& trial, double turn, Result& result) {
  std::vector<Timed> timed;
  for (const Contender& c : trial.contenders) {
    std::string trouble;
    double guess = seconds([&] {
      if (c.result)
        trouble = trial.expected.trouble(c.result());
      else
        once(c);
    });
    if (!trouble.empty()) {
      result.wrong[c.name] = trouble;
      continue;
    }
    constexpr double kLong = 0.2;  // where the first call is as good a guess as any
    for (int i = 0; i < 2 && guess < kLong; ++i) guess = seconds([&] { once(c); });
    timed.push_back(
        {&c, guess, std::clamp<Index>(static_cast<Index>(turn / guess) + 1, 1, 1'000'000)});
  }
  return timed;
}

/// The best of its ways counts, as of a peer's variants.
void add_machine(Trial& trial, const Case& what, int threads) {
  int way = 0;
  for (auto& walk : memory_walks(what.read, what.written, what.in_place, threads))
    trial.contenders.push_back({str(kMachine, " ", ++way), std::move(walk), {}});
}

int rounds_for(const std::vector<Timed>& timed, const Settings& settings) {
  if (settings.rounds > 0) return settings.rounds;
  double round = 0;
  for (const Timed& t : timed) round += t.guess * static_cast<double>(t.iterations + 1);
  return static_cast<int>(std::clamp(settings.seconds / round, 3.0, 9.0));
}

}  // namespace

std::string Expected::trouble(const Array& result) const {
  for (std::size_t i = 0; i < at.size(); ++i) {
    if (at[i] >= result.size())
      return str("element ", at[i], " expected, ", result.size(), " computed");
    const double got = result[at[i]];
    if (!(std::abs(got - value[i]) <= slack[i]))
      return str("element ", at[i], " is ", got, ", ", value[i], " +- ", slack[i], " expected");
  }
  return at.empty() ? "nothing to check it against" : "";
}

double median(std::vector<double> numbers) {
  if (numbers.empty()) return std::numeric_limits<double>::quiet_NaN();
  std::sort(numbers.begin(), numbers.end());
  const std::size_t n = numbers.size();
  return (numbers[(n - 1) / 2] + numbers[n / 2]) / 2;
}

double Result::median(const std::string& contender) const {
  const auto found = rounds.find(contender);
  return found == rounds.end() ? bench::median({}) : bench::median(found->second);
}

std::optional<double> Result::ratio(const std::string& peer) const {
  const auto ours = rounds.find(kOurs);
  if (ours == rounds.end()) return {};
  std::optional<double> best;
  for (const auto& [name, times] : rounds) {
    if (name != peer && name.rfind(peer + " ", 0) != 0) continue;
    std::vector<double> ratios;
    for (std::size_t i = 0; i < std::min(times.size(), ours->second.size()); ++i)
      ratios.push_back(times[i] / ours->second[i]);
    const double ratio = bench::median(ratios);
    if (!best || ratio < *best) best = ratio;
  }
  return best;
}

std::optional<double> Result::share() const {
  if (!roof || !(roof->seconds > 0) || !rounds.contains(kOurs)) return {};
  return roof->by_memory && ratio(kMachine) ? *ratio(kMachine) : roof->seconds / median(kOurs);
}

Result measure(const Case& what, const Settings& settings) {
  Result result{what, what.threads ? what.threads : settings.threads, {}, {}, {}};
  set_threads_everywhere(result.threads);
  if (what.amounts) {
    for (const auto& [name, amount] : what.amounts()) result.rounds[name] = {amount};
    return result;
  }
  Trial trial = what.prepare();
  if (what.unit == Unit::gigabytes) add_machine(trial, what, result.threads);
  const std::vector<Timed> timed = right_ones(trial, settings.turn, result);
  if (timed.empty()) return result;
  const int rounds = rounds_for(timed, settings);
  Collector collector(result);
  for (int round = 0; round < rounds; ++round) {
    benchmark::ClearRegisteredBenchmarks();
    for (std::size_t i = 0; i < timed.size(); ++i) {
      const Timed& t = timed[(i + static_cast<std::size_t>(round)) % timed.size()];
      benchmark::RegisterBenchmark(t.who->name.c_str(),
                                   [&t](benchmark::State& state) { one_turn(state, t); })
          ->Iterations(t.iterations)
          ->UseRealTime();
    }
    benchmark::RunSpecifiedBenchmarks(&collector, "all");
  }
  benchmark::ClearRegisteredBenchmarks();
  return result;
}

Array noise(const Shape& shape, int seed) {
  return Random(static_cast<std::uint64_t>(seed)).uniform(shape, -1, 1);
}

}  // namespace kindling::bench
