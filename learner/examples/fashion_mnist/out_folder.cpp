#include "learner/examples/fashion_mnist/out_folder.h"

#include <unistd.h>

#include <string>
#include <system_error>

#include "engine/error.h"
#include "learner/files/atomic_file.h"

namespace kindling {

void prepare_folder(const std::filesystem::path& out) {
  std::error_code error;
  std::filesystem::create_directories(out, error);
  check<Error>(!error, "out", "cannot make the folder ", out, ": ", error.message());
  const auto probe = out / ("writable-" + std::to_string(getpid()) + ".tmp");
  write_file_atomically(probe.string(), "", "out");
  std::filesystem::remove(probe, error);
}

}  // namespace kindling
