#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

namespace kindling::test {

/// The same file in memory, with other bytes each time.
class AsFile {
 public:
  AsFile(const std::uint8_t* bytes, std::size_t n) {
    if (::ftruncate(fd(), 0) != 0 || ::pwrite(fd(), bytes, n, 0) != static_cast<ssize_t>(n))
      std::abort();
  }
  std::string path() const { return "/proc/self/fd/" + std::to_string(fd()); }

 private:
  static int fd() {
    static const int file = ::memfd_create("fuzz", 0);
    return file;
  }
};

}  // namespace kindling::test
