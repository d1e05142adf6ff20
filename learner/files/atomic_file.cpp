#include "learner/files/atomic_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <filesystem>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace kindling {
namespace {

namespace fs = std::filesystem;
using Pieces = std::span<const std::string_view>;

// Where things stand: 0, or the errno of the first step that failed.
int write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    if (written == 0) return EIO;  // no reason was given, and none will be the next time
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return 0;
}

// Where there is no such thing as reaching the disk, nothing is lost by asking.
int sync(int fd) {
  while (::fsync(fd) != 0) {
    if (errno == EINTR) continue;
    return errno == EINVAL || errno == EROFS || errno == ENOTSUP ? 0 : errno;
  }
  return 0;
}

// Some disks report a lack of space only when the data leaves the cache (fsync) or at close.
int write_and_close(int fd, Pieces pieces) {
  int error = 0;
  for (const std::string_view piece : pieces)
    if (error == 0) error = write_all(fd, piece);
  if (error == 0) error = sync(fd);
  if (::close(fd) != 0 && error == 0 && errno != EINTR) error = errno;
  return error;
}

// A new file beside `target`, under a name nobody uses; -1 and errno if there can be none.
std::pair<int, std::string> open_temporary(const fs::path& target) {
  static std::atomic<unsigned> counter{0};
  for (;;) {
    const fs::path name = target.parent_path() / (".kindling-" + std::to_string(::getpid()) + "-" +
                                                  std::to_string(counter++) + ".tmp");
    const int fd = ::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd >= 0 || errno != EEXIST) return {fd, name.string()};
  }
}

// A rename is on the disk when its folder is.
int sync_folder(const fs::path& file) {
  const fs::path folder = file.has_parent_path() ? file.parent_path() : fs::path(".");
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return errno == EACCES ? 0 : errno;  // a folder may be written to and not read
  const int error = sync(fd);
  ::close(fd);
  return error;
}

int replace_file(const fs::path& target, Pieces pieces) {
  const auto [fd, temporary] = open_temporary(target);
  if (fd < 0) return errno;
  struct stat old;  // a replaced file keeps its permissions
  if (::stat(target.c_str(), &old) == 0) (void)!::fchmod(fd, old.st_mode & 07777);
  int error = write_and_close(fd, pieces);
  if (error == 0 && ::rename(temporary.c_str(), target.c_str()) != 0) error = errno;
  if (error == 0) return sync_folder(target);
  ::unlink(temporary.c_str());
  return error;
}

int write_directly(const fs::path& target, Pieces pieces) {
  const int fd = ::open(target.c_str(), O_WRONLY | O_CLOEXEC);
  return fd < 0 ? errno : write_and_close(fd, pieces);
}

}  // namespace

void write_file_atomically(const std::string& path, std::string_view bytes, std::string_view who) {
  write_file_atomically(path, {&bytes, 1}, who);
}

void write_file_atomically(const std::string& path, Pieces pieces, std::string_view who) {
  std::error_code ignored;
  fs::path target = path;
  // To where a link points, also when nothing is there yet. (What /dev/stdout points to may have no
  // name, and is there.)
  const auto dangles = [&] {
    return fs::is_symlink(target, ignored) && !fs::exists(target, ignored);
  };
  constexpr int kMostLinks = 40;
  for (int i = 0; i < kMostLinks && dangles(); ++i)
    target = target.parent_path() / fs::read_symlink(target, ignored);
  const bool loop = dangles();
  if (fs::is_symlink(target, ignored)) {
    const fs::path real = fs::canonical(target, ignored);
    if (!ignored) target = real;
  }
  const fs::file_status status = fs::status(target, ignored);
  const bool stream = fs::exists(status) && !fs::is_regular_file(status);
  const int error = loop     ? ELOOP
                    : stream ? write_directly(target, pieces)
                             : replace_file(target, pieces);
  if (error != 0) {
    throw std::runtime_error("[" + std::string(who) + "] cannot write '" + path +
                             "': " + std::generic_category().message(error));
  }
}

}  // namespace kindling
