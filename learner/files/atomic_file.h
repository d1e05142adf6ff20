// Files that are there in full or not at all.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace kindling {

// Replaces the file `path` by `bytes`: they go to a new file in the same folder, which reaches the
// disk and is then renamed, and the folder reaches the disk too. A reader sees the old content or
// the new one, never half of it; a full disk, a crash or a power cut leaves the old one. A symbolic
// link keeps pointing where it did. A device or a pipe (/dev/stdout) is written to directly, there
// being nothing to rename.
//
// Throws std::runtime_error "[who] cannot write 'PATH': REASON"; no temporary file remains. (One
// named .kindling-PID-N.tmp remains when the process is killed in between; delete it.)
void write_file_atomically(const std::string& path, std::string_view bytes,
                           std::string_view who = "file");
// The same for bytes that lie in several places.
void write_file_atomically(const std::string& path, std::span<const std::string_view> pieces,
                           std::string_view who = "file");

}  // namespace kindling
