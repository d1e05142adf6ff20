#pragma once

#include <filesystem>
#include <string>

namespace kindling {

/// All bytes of a regular file. `who` names the reader in the Error that is thrown, in one line
/// with the path, when there is no such file, when it is something else (a folder, a pipe: those
/// have no size that a header could be held against), or when it cannot be read.
std::string read_file(const std::filesystem::path& path, const char* who);

}  // namespace kindling
