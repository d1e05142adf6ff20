// Files that are there in full or not at all.
#pragma once

#include <string>
#include <string_view>

namespace kindling::plot {

// Replaces the file `path` by `bytes`: they go to a new file in the same folder, which is then
// renamed. A reader sees the old content or the new one, never half of it; a full disk or a
// crash leaves the old one. A symbolic link keeps pointing where it did. A device or a pipe
// (/dev/stdout) is written to directly, there being nothing to rename.
//
// Throws std::runtime_error "[who] cannot write 'PATH': REASON"; no temporary file remains.
void write_file_atomically(const std::string& path, std::string_view bytes,
                           std::string_view who = "file");

}  // namespace kindling::plot
