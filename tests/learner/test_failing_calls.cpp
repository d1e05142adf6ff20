// Every system call of a save fails once, in every way that it can. A program of its own: it puts
// itself between the library and the C library.

#include <dlfcn.h>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "learner/files/checkpoint.h"
#include "tests/learner/small_fit.h"
#include "tests/plot/picture.h"

namespace {

/// Besides an errno: a write that takes half of the bytes, and one that takes none.
constexpr int kShort = -1, kNothing = -2;

struct Calls {
  bool watched = false;
  std::vector<std::string> seen;
  std::size_t fails = 0;  ///< Which call, from 0,
  int error = 0;          ///< and how; 0: none does.

  /// The error of the call that is being made, or 0.
  int next(const char* name) {
    if (!watched) return 0;
    seen.push_back(name);
    return seen.size() - 1 == fails ? error : 0;
  }
} calls;

template <class Function>
Function* original(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

int failed(int error) {
  errno = error;
  return -1;
}

}  // namespace

extern "C" {

int open(const char* path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  if (const int error = calls.next("open")) return failed(error);
  static const auto call = original<int(const char*, int, ...)>("open");
  return call(path, flags, mode);
}

ssize_t write(int fd, const void* bytes, size_t n) {
  const int error = calls.next("write");
  if (error > 0) return failed(error);
  if (error == kNothing) {
    errno = EINTR;  // left behind by somebody else: it says nothing about a call that succeeds
    return 0;
  }
  static const auto call = original<ssize_t(int, const void*, size_t)>("write");
  return call(fd, bytes, error == kShort ? (n + 1) / 2 : n);
}

int fsync(int fd) {
  if (const int error = calls.next("fsync")) return failed(error);
  static const auto call = original<int(int)>("fsync");
  return call(fd);
}

/// The file is closed all the same, as Linux does.
int close(int fd) {
  const int error = calls.next("close");
  static const auto call = original<int(int)>("close");
  const int result = call(fd);
  return error ? failed(error) : result;
}

int rename(const char* from, const char* to) noexcept {
  if (const int error = calls.next("rename")) return failed(error);
  static const auto call = original<int(const char*, const char*)>("rename");
  return call(from, to);
}

}  // extern "C"

namespace kindling::test {

namespace {

using plot::testing::file_bytes;
using plot::testing::TemporaryFolder;

/// Saves with a call that fails; returns the message of the exception, or "".
std::string save(SmallFit& fit, const std::string& path, std::size_t fails, int error) {
  calls = {true, {}, fails, error};
  std::string message;
  try {
    fit.save(path);
  } catch (const std::runtime_error& thrown) {
    message = thrown.what();
  }
  calls.watched = false;
  return message;
}

/// Whether a save goes on when its call `k` fails like this.
bool is_forgiven(std::size_t k, int error, const std::vector<std::string>& order) {
  const std::string& call = order[k];
  const bool folder = k > 0 && std::find(order.begin(), order.begin() + static_cast<long>(k),
                                         "rename") != order.begin() + static_cast<long>(k);
  if (call == "write") return error == kShort || error == EINTR;  // the rest is written then
  if (call == "fsync")  // repeated; or there is nothing here that could be synced
    return error == EINTR || error == EINVAL || error == EROFS || error == ENOTSUP;
  if (call == "close") return folder || error == EINTR;  // it is closed
  if (call == "open") return folder && error == EACCES;  // it may be written to and not read
  return false;
}

int open_files() {
  return static_cast<int>(std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {}));
}

/// The write calls of this process as the kernel counts them.
long writes_by_the_kernel() {
  std::ifstream io("/proc/self/io");
  std::string word;
  long count = -1;
  while (io >> word)
    if (word == "syscw:") io >> count;
  return count;
}

}  // namespace

TEST_CASE("checkpoint: whichever call of a save fails, it says so and no checkpoint is lost") {
  const TemporaryFolder folder;
  const std::string path = folder.file("last.safetensors");
  SmallFit before(1), after(2);
  before.run(2);
  after.run(2);
  before.save(path);
  const std::string old_file = file_bytes(path);
  const int files = open_files();

  const long writes_before = writes_by_the_kernel();
  REQUIRE(save(after, path, 0, 0) == "");
  [[maybe_unused]] const long writes = writes_by_the_kernel() - writes_before;
  const std::string new_file = file_bytes(path);
  const std::vector<std::string> order = calls.seen;
  const auto count = [&](const char* name) { return std::count(order.begin(), order.end(), name); };
  REQUIRE((old_file != new_file));
  // The length, the header and each array; then what makes them stay.
  CHECK(count("write") == 2 + std::ssize(read_safetensors(path).arrays));
#ifndef KINDLING_SANITIZE  // which writes too
  if (writes_before >= 0) CHECK(count("write") == writes);
#endif
  CHECK(order.front() == "open");
  CHECK(std::vector(order.end() - 6, order.end()) ==
        std::vector<std::string>{"fsync", "close", "rename", "open", "fsync", "close"});
  CHECK(std::ssize(order) == 1 + count("write") + 6);
  const std::size_t renames =
      static_cast<std::size_t>(std::find(order.begin(), order.end(), "rename") - order.begin());

  int tried = 0;
  for (std::size_t k = 0; k < order.size(); ++k) {
    for (const int error :
         {EIO, ENOSPC, EDQUOT, EINTR, EACCES, EINVAL, EROFS, ENOTSUP, kShort, kNothing}) {
      if (error < 0 && order[k] != "write") continue;
      CAPTURE(k);
      CAPTURE(order[k]);
      CAPTURE(error);
      std::ofstream(path, std::ios::binary) << old_file;
      const std::string message = save(after, path, k, error);
      ++tried;
      const bool forgiven = is_forgiven(k, error, order);
      const char* reason = std::strerror(error == kNothing ? EIO : error);
      CHECK(message == (forgiven ? "" : "[safetensors] cannot write '" + path + "': " + reason));
      CHECK((file_bytes(path) == (forgiven || k > renames ? new_file : old_file)));
      CHECK_NOTHROW(Checkpoint{path});
      CHECK(folder.entries() == 1);
      CHECK(open_files() == files);
    }
  }
  CHECK(save(after, path, order.size(), EIO) == "");  // there is no further call
  MESSAGE(order.size(), " calls, ", count("write"), " of them writes; ", tried, " failures");
}

}  // namespace kindling::test
