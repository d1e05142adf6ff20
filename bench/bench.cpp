// The program: measures the machine's limits, then kindling and its peers case by case, and
// reports.

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <regex>

#include "bench/peers.h"
#include "bench/report.h"
#include "engine/error.h"
#include "engine/parallel.h"

namespace kindling::bench {

namespace {

struct Options {
  bool full = false, list = false;
  std::string filter, json = "out/bench.json", roofline = "out/roofline.png";
  int threads = max_threads(), rounds = 0;
  // Of a child process that weighs one contender.
  std::string memory_of, contender = kOurs;
  Index batch = 1024;
};

Cases all_cases(bool full, int threads) {
  Cases cases;
  matmul_cases(cases);
  conv_cases(cases, full);
  elementwise_cases(cases);
  reduce_cases(cases);
  norm_cases(cases);
  pool_cases(cases);
  layout_cases(cases);
  loss_cases(cases);
  update_cases(cases);
  step_cases(cases);
  peak_cases(cases, threads);
  if (!full) std::erase_if(cases, [](const Case& c) { return !c.quick; });
  return cases;
}

Cases filtered(Cases cases, const std::string& filter) {
  const std::regex pattern(filter);
  std::erase_if(cases, [&](const Case& c) { return !std::regex_search(c.name, pattern); });
  return cases;
}

/// Throws Error when nothing is left.
Cases chosen(const Options& options) try {
  Cases cases = filtered(all_cases(options.full, options.threads), options.filter);
  if (!cases.empty()) return cases;
  const auto more = filtered(all_cases(true, options.threads), options.filter).size();
  throw Error(
      str("no case matches '", options.filter, "'",
          more ? str(" in the quick run; ", more, " of --full do") : "; --list names them"));
} catch (const std::regex_error&) {
  throw Error(str("'", options.filter, "' is no regular expression"));
}

/// Before anything is measured, so that minutes are not spent for nothing. Throws Error.
void make_folder_of(const std::filesystem::path& path) {
  std::error_code error;
  if (path.has_parent_path()) std::filesystem::create_directories(path.parent_path(), error);
  check<Error>(!error, "bench", "cannot make the folder of ", path, ": ", error.message());
}

int run(const Options& options) {
  const Cases cases = chosen(options);
  if (options.list) {
    for (const Case& c : cases) std::printf("%s\n", c.name.c_str());
    return 0;
  }
  for (const std::string& path : {options.json, options.roofline}) make_folder_of(path);
  const auto start = std::chrono::steady_clock::now();
  Report report;
  report.machine = machine_name();
  report.settings = {.threads = options.threads,
                     .rounds = options.rounds,
                     .turn = options.full ? 0.03 : 0.01,
                     .seconds = options.full ? 12.0 : 1.0};
  for (int threads = 1; threads < options.threads; threads *= 2)
    report.limits.push_back(measure_limits(threads));
  report.limits.push_back(measure_limits(options.threads));
  int width = 0;
  for (const Case& c : cases) width = std::max(width, static_cast<int>(c.name.size()));
  print_head(report, width);
  bool right = true;
  for (const Case& c : cases) {
    Result result = measure(c, report.settings);
    for (const Limits& limits : report.limits)
      if (limits.threads == result.threads && c.flops + c.read > 0)
        result.roof = limits.roof(c.flops, c.read, c.written, c.in_place);
    print_row(result, width);
    right = right && !result.wrong.contains(kOurs);
    report.results.push_back(std::move(result));
  }
  write_json(options.json, report);
  draw_roofline(options.roofline, report);
  const double took =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  std::fprintf(stderr, "bench: wrote %s and %s after %.0f s\n", options.json.c_str(),
               options.roofline.c_str(), took);
  return right ? 0 : 1;
}

/// OpenMP reads its environment before main() begins, so the program starts itself again in one
/// that is the same for everybody: threads stay each on a processor of its own (left alone, a
/// thread that was asleep may wake up beside another one), and those that wait spin for a tenth of
/// a millisecond. Not so with Clang: its OpenMP comes second to GCC's, which the peers bring along,
/// and would find itself where that one has bound the main thread, with one processor to share.
void settle_openmp(char** argv) {
  if (std::getenv("OMP_PROC_BIND")) return;
#ifdef __clang__
  setenv("OMP_PROC_BIND", "false", 0);
#else
  setenv("OMP_PROC_BIND", "true", 0);
#endif
  setenv("GOMP_SPINCOUNT", "10000", 0);
  execv("/proc/self/exe", argv);  // comes back only where there is no such file
}

int main(int argc, char** argv) {
  settle_openmp(argv);
  Options o;
  CLI::App app(
      "Kernels and training steps of kindling, against the machine's limits and against "
      "other libraries. Quick by default.");
  app.add_flag("--full", o.full, "every case, and longer");
  app.add_option("--filter", o.filter, "only cases whose name holds this regular expression");
  app.add_flag("--list", o.list, "name the cases and stop");
  app.add_option("--json", o.json, "where to write the numbers")->capture_default_str();
  app.add_option("--roofline", o.roofline, "where to draw the picture")->capture_default_str();
  app.add_option("--threads", o.threads, "for kindling and for the peers")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  app.add_option("--rounds", o.rounds, "turns of every contender; 0: as many as the time allows")
      ->check(CLI::Range(0, 1000))
      ->capture_default_str();
  app.add_option("--memory-of", o.memory_of)->group("");
  app.add_option("--contender", o.contender)->group("");
  app.add_option("--batch", o.batch)->group("");
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp& help) {
    return app.exit(help);
  } catch (const CLI::ParseError& error) {
    std::fprintf(stderr, "bench: %s\n", error.what());
    return 2;
  }
  if (o.memory_of.empty()) return run(o);
  set_threads_everywhere(o.threads);
  std::printf("%.2f\n", memory_of(o.memory_of, o.batch, o.contender));
  return 0;
}

}  // namespace

}  // namespace kindling::bench

int main(int argc, char** argv) try {
  return kindling::bench::main(argc, argv);
} catch (const std::exception& error) {
  return std::fprintf(stderr, "bench: %s\n", error.what()), 1;
}
