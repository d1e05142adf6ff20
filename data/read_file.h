#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>

namespace kindling {

/// Opens a regular file, and says how many bytes it has. `who` names the reader in the Error that
/// is thrown, in one line with the path, when there is no such file, when it is something else (a
/// folder, a pipe: those have no size that a header could be held against), or when it cannot be
/// opened.
std::uintmax_t open_regular_file(const std::filesystem::path& path, const char* who,
                                 std::ifstream& file);

/// All bytes of a regular file. Throws the same, and Error when it cannot be read.
std::string read_file(const std::filesystem::path& path, const char* who);

}  // namespace kindling
