#include "learner/files/atomic_file.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <stdexcept>

#include "tests/plot/picture.h"

using namespace kindling;
using namespace kindling::plot::testing;
namespace fs = std::filesystem;

namespace {

// While it lives no file may grow past `bytes`: a disk that is full, in the small.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    old_handler_ = std::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &old_);
    const rlimit limit{bytes, old_.rlim_max};
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &limit) == 0);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &old_);
    std::signal(SIGXFSZ, old_handler_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  rlimit old_;
  void (*old_handler_)(int);
};

// The message, gathered before any check prints under the limit.
std::string failure(const std::string& path, const std::string& bytes) {
  try {
    write_file_atomically(path, bytes, "test");
  } catch (const std::runtime_error& e) {
    return e.what();
  }
  return "";
}

}  // namespace

TEST_CASE("atomic file: writes, replaces and leaves nothing else behind") {
  const TemporaryFolder folder;
  const std::string path = folder.file("history.csv");
  const std::string binary("a\0b\n", 4);
  write_file_atomically(path, binary);
  CHECK(file_bytes(path) == binary);
  write_file_atomically(path, "");
  CHECK(fs::file_size(path) == 0);
  CHECK(folder.entries() == 1);
}

TEST_CASE("atomic file: when the disk is full the old file stays whole") {
  const TemporaryFolder folder;
  const std::string path = folder.file("a.png");
  write_file_atomically(path, "old content");
  std::string message;
  {
    const FileSizeLimit limit(4096);
    message = failure(path, std::string(100000, 'x'));
  }
  CHECK(message == "[test] cannot write '" + path + "': File too large");
  CHECK(file_bytes(path) == "old content");
  CHECK(folder.entries() == 1);
}

TEST_CASE("atomic file: a device is written to, and its errors are reported") {
  if (!fs::exists("/dev/full")) return;
  CHECK(failure("/dev/full", "some bytes") ==
        "[test] cannot write '/dev/full': No space left on device");
  CHECK(fs::is_character_file("/dev/full"));  // still there, not renamed over
  CHECK(failure("/dev/null", "some bytes") == "");
}

TEST_CASE("atomic file: folders in the wrong place") {
  const TemporaryFolder folder;
  const std::string missing = folder.file("no/such/a.png"), taken = folder.file("taken");
  CHECK(failure(missing, "x") ==
        "[test] cannot write '" + missing + "': No such file or directory");
  fs::create_directory(taken);
  CHECK(failure(taken, "x") == "[test] cannot write '" + taken + "': Is a directory");
  CHECK(failure("", "x") != "");
  CHECK(folder.entries() == 1);
}

TEST_CASE("atomic file: links stay links, permissions stay as they were") {
  const TemporaryFolder folder;
  const std::string real = folder.file("real.csv"), link = folder.file("link.csv");
  write_file_atomically(real, "1");
  REQUIRE(::chmod(real.c_str(), 0640) == 0);
  fs::create_symlink("real.csv", link);
  write_file_atomically(link, "22");
  CHECK(fs::is_symlink(link));
  CHECK(file_bytes(real) == "22");
  CHECK(static_cast<int>(fs::status(real).permissions()) == 0640);
}

TEST_CASE("atomic file: a link to what is not there yet, a link to a link, and a loop") {
  const TemporaryFolder folder;
  fs::create_directory(folder.file("disk"));
  fs::create_symlink("disk/real.csv", folder.file("link.csv"));
  fs::create_symlink(folder.file("link.csv"), folder.file("first.csv"));
  write_file_atomically(folder.file("first.csv"), "1");
  CHECK(fs::is_symlink(folder.file("first.csv")));
  CHECK(fs::is_symlink(folder.file("link.csv")));
  CHECK(file_bytes(folder.file("disk/real.csv")) == "1");
  fs::create_symlink("b", folder.file("a"));
  fs::create_symlink("a", folder.file("b"));
  CHECK(failure(folder.file("a"), "1") != "");
  CHECK(fs::is_symlink(folder.file("a")));
  CHECK(fs::is_symlink(folder.file("b")));
}

TEST_CASE("atomic file: a relative name without a folder") {
  const TemporaryFolder folder;
  const fs::path before = fs::current_path();
  fs::current_path(folder.file("."));
  const std::string message = failure("plain.txt", "here");
  fs::current_path(before);
  CHECK(message == "");
  CHECK(file_bytes(folder.file("plain.txt")) == "here");
}

TEST_CASE("atomic file: also where the program was started without a standard input") {
  const TemporaryFolder folder;
  const std::string path = folder.file("a.csv");
  const int aside = ::dup(0);
  ::close(0);  // the next file that is opened is number 0
  const std::string message = failure(path, "1,2");
  if (aside >= 0) ::dup2(aside, 0), ::close(aside);
  CHECK(message == "");
  CHECK(file_bytes(path) == "1,2");
  CHECK(folder.entries() == 1);
}
