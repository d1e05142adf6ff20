#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "learner/files/npy.h"

namespace kindling {

/// The arrays of a .npz file, by name and in its order.
struct NpzArrays {
  /// Names are unique, and without the .npy that the file has behind them.
  std::vector<std::pair<std::string, NpyArray>> arrays;

  /// Throws Error that lists the names when this is none of them.
  const NpyArray& operator[](const std::string& name) const;
};

/// What numpy.savez() and numpy.savez_compressed() write: a zip file with an entry NAME.npy for
/// every array, stored or deflated. Believes neither sizes nor checksums of the zip file: throws
/// Error, with the path and the entry, for entries that are not arrays, that are there twice, are
/// encrypted or compressed otherwise, do not agree with their CRC-32 or with the length that is
/// given for them, or whose lengths do not fit the file (a byte of deflated data makes 1032 at
/// most). At most 16384 entries.
NpzArrays read_npz(const std::filesystem::path& path);

/// Stored entries without dates, so the same arrays make the same bytes. Whole or not at all.
/// Throws Error for names that are empty, used twice or not UTF-8, for an undefined array, for none
/// or too many, and std::runtime_error as write_file_atomically() does.
void write_npz(const std::filesystem::path& path, const NpzArrays& what);

}  // namespace kindling
