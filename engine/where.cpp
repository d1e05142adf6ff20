#include "engine/where.h"

#include <vector>

namespace kindling::where {

namespace {

thread_local int asked = 0;
thread_local std::vector<std::string> modules;  // from the outside in
thread_local std::chrono::steady_clock::time_point last_entry{};

}  // namespace

Asked::Asked() { ++asked; }
Asked::~Asked() { --asked; }

Inside::Inside(const std::string& module) : kept_(asked > 0) {
  if (!kept_) return;
  modules.push_back(module);
  last_entry = std::chrono::steady_clock::now();
}
Inside::~Inside() {
  if (kept_) modules.pop_back();
}

std::string path() {
  std::string all;
  for (const std::string& name : modules) all += (all.empty() ? "" : ".") + name;
  return all;
}

std::chrono::steady_clock::time_point entered() { return last_entry; }

}  // namespace kindling::where
