#include "data/read_file.h"

#include <cerrno>
#include <cstring>

#include "engine/error.h"

namespace kindling {

std::uintmax_t open_regular_file(const std::filesystem::path& path, const char* who,
                                 std::ifstream& file) {
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  check<Error>(status.type() != fs::file_type::not_found, who, path, ": there is no such file");
  check<Error>(fs::status_known(status), who, path, ": cannot be opened: ", error.message());
  check<Error>(fs::is_regular_file(status), who, path, ": is not a regular file");
  const std::uintmax_t size = fs::file_size(path, error);
  check<Error>(!error, who, path, ": has no size: ", error.message());
  errno = 0;
  file.open(path, std::ios::binary);
  check<Error>(file.is_open(), who, path, ": cannot be opened: ", std::strerror(errno));
  return size;
}

std::string read_file(const std::filesystem::path& path, const char* who) {
  std::ifstream file;
  const std::uintmax_t size = open_regular_file(path, who, file);
  std::string bytes(size, '\0');
  file.read(bytes.data(), static_cast<std::streamsize>(size));
  check<Error>(static_cast<std::uintmax_t>(file.gcount()) == size, who, path,
               ": cannot be read, or became shorter meanwhile");
  return bytes;
}

}  // namespace kindling
