#include "bench/report.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <thread>

#include "bench/peers.h"
#include "engine/error.h"
#include "engine/machine.h"
#include "learner/files/atomic_file.h"

namespace kindling::bench {

namespace {

std::string format(const char* how, double number) {
  char text[64];
  std::snprintf(text, sizeof text, how, number);
  return text;
}

/// Three digits and a unit: 12.8 ms.
std::string time_text(double seconds) {
  const char* units[] = {"s ", "ms", "us", "ns"};
  int unit = 0;
  while (unit < 3 && seconds < 1) seconds *= 1000, ++unit;
  return format(seconds < 9.995   ? "%.2f "
                : seconds < 99.95 ? "%.1f "
                                  : "%.0f ",
                seconds) +
         units[unit];
}

std::string rate_text(const Result& result) {
  const double time = result.median(kOurs);
  switch (result.what.unit) {
    case Unit::gflops:
      return format("%.1f GFLOP/s", result.what.flops / time / 1e9);
    case Unit::gigabytes:
      return format("%.1f GB/s   ", (result.what.read + result.what.written) / time / 1e9);
    case Unit::images:
      return format("%.0f image/s", result.what.images / time);
    case Unit::time:
      return "";
    case Unit::mebibytes:
      return format("%.1f MiB    ", time);
  }
  return "";
}

/// One that has a column.
bool is_known(const std::string& contender) {
  bool known = contender.starts_with(kOurs) || contender.starts_with(kMachine);
  for (const KnownPeer& peer : known_peers()) known = known || contender.starts_with(peer.name);
  return known;
}

/// Peers that were found, or could be.
std::string peer_list() {
  std::string found, missing;
  for (const KnownPeer& known : known_peers()) {
    for (const Peer& peer : peers())
      if (peer.name == known.name)
        found += str(found.empty() ? "" : ", ", peer.name, " ", peer.version);
    if (!has_peer(known.name))
      missing += str(missing.empty() ? "" : ", ", known.name, " (", known.package, ")");
  }
  return str("peers: ", found.empty() ? "none" : found, "\n",
             missing.empty() ? "" : str("missing, by package: ", missing, "\n"));
}

}  // namespace

std::string machine_name() {
  return str(processor_name(), ", ", std::thread::hardware_concurrency(),
             " processors, compiled for ", kInstructionSet);
}

void print_head(const Report& report, int width) {
  std::printf("%s\n%s", report.machine.c_str(), peer_list().c_str());
  const char* spin = std::getenv("GOMP_SPINCOUNT");
  std::printf(
      "threads: %d, waiting threads spin %s times (GOMP_SPINCOUNT), ours and the peers'\n\n",
      report.settings.threads, spin ? spin : "as often as OpenMP likes");
  std::printf("limits, GB/s (read/copy/triad/update) over\n%-10s %14s", "threads", "FMA GFLOP/s");
  const std::vector<Bandwidth>& sizes = report.limits.front().bandwidth;
  for (std::size_t i = 1; i < sizes.size(); i += 2)
    std::printf(" %20.4g MiB", sizes[i].footprint / (1 << 20));
  std::printf("\n");
  for (const Limits& l : report.limits) {
    std::printf("%-10d %14.1f", l.threads, l.flops / 1e9);
    for (std::size_t i = 1; i < l.bandwidth.size(); i += 2)
      std::printf("  %5.0f/%5.0f/%5.0f/%5.0f", l.bandwidth[i].read / 1e9, l.bandwidth[i].copy / 1e9,
                  l.bandwidth[i].triad / 1e9, l.bandwidth[i].update / 1e9);
    std::printf("\n");
  }
  std::printf("\nA peer's column says how many times longer it takes (or more memory).\n\n");
  std::printf("%-*s %10s %15s %6s %-8s", width, "", "time", "rate", "limit", "set by");
  for (const KnownPeer& known : known_peers())
    if (has_peer(known.name)) std::printf(" %9s", known.name);
  std::printf("\n");
}

void print_row(const Result& r, int width) {
  std::printf("%-*s", width, r.what.name.c_str());
  const auto ours_wrong = r.wrong.find(kOurs);
  if (ours_wrong != r.wrong.end()) {
    std::printf(" WRONG: %s\n", ours_wrong->second.c_str());
    return;
  }
  const bool timed = r.what.unit != Unit::mebibytes;
  std::printf(" %10s %15s", timed ? time_text(r.median(kOurs)).c_str() : "", rate_text(r).c_str());
  const std::optional<double> share = r.share();
  std::printf(" %6s %-8s", share ? format("%.0f%%", 100 * *share).c_str() : "",
              !share              ? ""
              : r.roof->by_memory ? "memory"
                                  : "FMA");
  for (const KnownPeer& known : known_peers()) {
    if (!has_peer(known.name)) continue;
    const std::optional<double> ratio = r.ratio(known.name);
    const bool wrong = r.wrong.lower_bound(known.name) != r.wrong.end() &&
                       r.wrong.lower_bound(known.name)->first.rfind(known.name, 0) == 0;
    std::printf(" %9s", ratio ? format("%.2fx", *ratio).c_str() : wrong ? "wrong" : "");
  }
  for (const auto& [name, rounds] : r.rounds)
    if (!is_known(name)) std::printf("  %s %.3fx", name.c_str(), *r.ratio(name));
  std::printf("\n");
  std::fflush(stdout);
  for (const auto& [name, trouble] : r.wrong)
    std::fprintf(stderr, "bench: %s: %s: %s\n", r.what.name.c_str(), name.c_str(), trouble.c_str());
}

namespace {

nlohmann::json limits_json(const Limits& limits) {
  nlohmann::json bandwidth = nlohmann::json::array();
  for (const Bandwidth& b : limits.bandwidth)
    bandwidth.push_back({{"footprint_bytes", b.footprint},
                         {"read_gb_s", b.read / 1e9},
                         {"copy_gb_s", b.copy / 1e9},
                         {"triad_gb_s", b.triad / 1e9},
                         {"update_gb_s", b.update / 1e9}});
  return {
      {"threads", limits.threads}, {"fma_gflop_s", limits.flops / 1e9}, {"bandwidth", bandwidth}};
}

/// NaN has no place in JSON.
nlohmann::json number(double v) { return std::isfinite(v) ? nlohmann::json(v) : nlohmann::json(); }

nlohmann::json result_json(const Result& r) {
  const Case& c = r.what;
  nlohmann::json j{{"name", c.name},       {"threads", r.threads},       {"flops", c.flops},
                   {"bytes_read", c.read}, {"bytes_written", c.written}, {"images", c.images}};
  const bool timed = c.unit != Unit::mebibytes;
  j["unit"] = timed ? "seconds" : "mebibytes";
  for (const auto& [name, rounds] : r.rounds) {
    nlohmann::json all = nlohmann::json::array();
    for (const double v : rounds) all.push_back(number(v));
    j["contenders"][name] = {{"median", number(r.median(name))}, {"rounds", all}};
  }
  for (const KnownPeer& known : known_peers())
    if (const auto ratio = r.ratio(known.name)) j["ratio"][known.name] = number(*ratio);
  if (const auto share = r.share()) {
    j["limit"] = {{"share", number(*share)}, {"set_by", r.roof->by_memory ? "memory" : "fma"}};
  }
  for (const auto& [name, trouble] : r.wrong) j["wrong"][name] = trouble;
  return j;
}

}  // namespace

void write_json(const std::string& path, const Report& report) {
  nlohmann::json j{{"machine", report.machine}, {"threads", report.settings.threads}};
  const char* spin = std::getenv("GOMP_SPINCOUNT");
  j["gomp_spincount"] = spin ? nlohmann::json(spin) : nlohmann::json();
  for (const Limits& l : report.limits) j["limits"].push_back(limits_json(l));
  for (const Peer& peer : peers()) j["peers"][peer.name] = peer.version;
  for (const KnownPeer& known : known_peers())
    if (!has_peer(known.name)) j["missing"][known.name] = known.package;
  j["cases"] = nlohmann::json::array();
  for (const Result& r : report.results) j["cases"].push_back(result_json(r));
  write_file_atomically(path, j.dump(1) + "\n", "bench");
}

}  // namespace kindling::bench
