#include "engine/machine.h"

#include <fstream>

namespace kindling {

std::string processor_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (const auto at = line.find(": "); line.starts_with("model name") && at != line.npos)
      return line.substr(at + 2);
  return "unknown";
}

std::string compiler_name() {
#ifdef __clang__
  return __VERSION__;  // begins with the name
#else
  return "GCC " __VERSION__;
#endif
}

}  // namespace kindling
