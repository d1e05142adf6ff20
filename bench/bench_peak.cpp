// Peak memory of training steps, ours and libtorch's, each in a process of its own.

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "bench/peers.h"
#include "engine/error.h"

namespace kindling::bench {

namespace {

/// A line like "VmHWM:   1234 kB" of Linux's account of this process, in MiB; NaN elsewhere.
double status_mib(const std::string& key) {
  std::ifstream file("/proc/self/status");
  for (std::string word; file >> word;)
    if (double kib; word == key + ":" && file >> kib) return kib / 1024;
  return std::nan("");
}

/// From here on the peak counts anew.
void reset_peak() { std::ofstream("/proc/self/clear_refs") << 5; }

Contender find(const Step& step, const std::string& name) {
  Trial trial;
  if (name == kOurs) return our_step(step);
  for (const Peer& peer : peers())
    if (peer.step) peer.step(trial, step);
  for (const Contender& c : trial.contenders)
    if (c.name == name) return c;
  throw Error(str("[bench] nobody here is called ", name));
}

double in_a_child(const std::string& model, Index batch, const std::string& name, int threads) {
  // The shell's /proc/self is the shell: the path is read here.
  char path[4096] = {};
  if (!realpath("/proc/self/exe", path)) return std::nan("");
  const std::string command = str("'", path, "' --memory-of ", model, " --batch ", batch,
                                  " --contender '", name, "' --threads ", threads);
  FILE* child = popen(command.c_str(), "r");
  if (!child) return std::nan("");
  double mib = std::nan("");
  if (std::fscanf(child, "%lf", &mib) != 1) mib = std::nan("");
  pclose(child);
  return mib;
}

}  // namespace

double memory_of(const std::string& model, Index batch, const std::string& contender) {
  // What a library keeps for itself (its code, its buffers) is no matter of the model: a step on a
  // handful of images calls everything once.
  find(make_step(model, 4, false), contender).run();
  trim_pool();
  const Step step = make_step(model, batch, false);
  const double before = status_mib("VmRSS");
  reset_peak();
  const Contender who = find(step, contender);
  for (int i = 0; i < 3; ++i) who.run();
  return status_mib("VmHWM") - before;
}

void peak_cases(Cases& cases, int threads) {
  for (const char* model : {"conv10", "convbn12", "resnet13", "pooled14", "wide14"}) {
    constexpr Index kBatch = 1024;
    Case c;
    c.name = str("peak-memory/", model, "/", kBatch);
    c.unit = Unit::mebibytes;
    c.quick = model == std::string("conv10") || model == std::string("resnet13");
    c.amounts = [=] {
      std::map<std::string, double> mib{{kOurs, in_a_child(model, kBatch, kOurs, threads)}};
      if (has_peer("libtorch"))
        for (const char* name : {"libtorch contiguous", "libtorch channels_last"})
          mib[name] = in_a_child(model, kBatch, name, threads);
      return mib;
    };
    cases.push_back(c);
  }
}

}  // namespace kindling::bench
