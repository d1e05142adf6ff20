// A process that is killed while it saves leaves a whole checkpoint: the old one or the new one.

#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "engine/random.h"
#include "learner/files/checkpoint.h"
#include "tests/plot/picture.h"
#include "tests/support/long_run.h"

extern char** environ;

using namespace kindling;
using namespace kindling::test;
using plot::testing::file_bytes;
using plot::testing::TemporaryFolder;
namespace fs = std::filesystem;

namespace {

/// A checkpoint_writer at work. It is a program of its own because a fork of a process with threads
/// may not do much.
class Writer {
 public:
  Writer(std::string first, std::string second, std::string file) {
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
    std::string name = KINDLING_CHECKPOINT_WRITER;
    char* arguments[] = {name.data(), first.data(), second.data(), file.data(), nullptr};
    const int error = ::posix_spawn(&pid_, name.c_str(), &actions, nullptr, arguments, environ);
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);
    char byte = 0;
    const bool ready = error == 0 && ::read(ends[0], &byte, 1) == 1;
    ::close(ends[0]);
    REQUIRE(ready);
  }
  /// Returns whether it was this that ended it.
  bool kill_after(useconds_t microseconds) {
    ::usleep(microseconds);
    ::kill(pid_, SIGKILL);
    int status = 0;
    return ::waitpid(pid_, &status, 0) == pid_ && WIFSIGNALED(status) &&
           WTERMSIG(status) == SIGKILL;
  }

 private:
  pid_t pid_ = -1;
};

int remove_temporaries(const fs::path& folder) {
  int removed = 0;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.path().extension() == ".tmp") removed += fs::remove(entry.path());
  return removed;
}

}  // namespace

TEST_CASE("checkpoint: a kill at any moment of a save leaves the old one or the new one, whole") {
  const TemporaryFolder folder;
  const std::string first = folder.file("first"), second = folder.file("second"),
                    file = folder.file("last.safetensors");
  const int kills = long_run() ? 1000 : 100;
  Random random(11);
  int halfway = 0, firsts = 0;
  std::string one, other;
  for (int i = 0; i < kills; ++i) {
    CAPTURE(i);
    Writer writer(first, second, file);
    REQUIRE(writer.kill_after(static_cast<useconds_t>(random.bits() % 8000)));
    if (i == 0) one = file_bytes(first), other = file_bytes(second);
    REQUIRE((one != other));
    const std::string left = file_bytes(file);
    CHECK_NOTHROW(Checkpoint{file});
    CHECK((left == one || left == other));
    firsts += left == one;
    halfway += remove_temporaries(folder.file("."));
  }
  MESSAGE(kills, " kills, ", halfway, " of them in the middle of a file; ", firsts,
          " times the first of the two states was there, ", kills - firsts, " times the second");
  CHECK(halfway > kills / 4);
  CHECK(firsts > 0);
  CHECK(firsts < kills);
}
