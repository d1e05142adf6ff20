#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "engine/array.h"

namespace kindling {

/// What a weights file holds: arrays by name, and words about them.
struct NamedArrays {
  std::vector<std::pair<std::string, Array>> arrays;  ///< Names are unique.
  std::map<std::string, std::string> metadata;        ///< Without crc32, which is the file's own.

  /// The array of that name, or null.
  const Array* find(const std::string& name) const;
};

/// The safetensors format (github.com/huggingface/safetensors, "Format"):
///
///     8 bytes    N, the size of the header, little-endian
///     N bytes    JSON: {"name": {"dtype": "F32", "shape": [16, 3], "data_offsets": [begin, end]},
///                       ..., "__metadata__": {"word": "word"}}, then spaces
///     the rest   the numbers, little-endian, row-major, at their offsets from here
///
/// The reader takes F32, F64 and I64 and gives Scalars. It believes nothing: it throws Error, with
/// the path and what is wrong, for a header that is longer than the file or than 100 MB, that is
/// not this JSON, has more than 16384 names and words, names an array twice or knows another dtype;
/// for a shape whose size overflows or does not fit its offsets; for numbers that overlap, leave a
/// hole or do not end with the file. Files of ours carry a checksum in their metadata (crc32),
/// which is compared where there is one and not shown. For arrays no more memory is asked for than
/// the file has bytes (twice for F32 read as double), for the header six times its size at most.
NamedArrays read_safetensors(const std::filesystem::path& path);

/// Writes Scalars (F32; F64 in double) in the given order, whole or not at all. Throws Error for a
/// name that is empty, used twice or "__metadata__", for names and words that are not UTF-8 or more
/// than can be read again, and for an undefined array; std::runtime_error as
/// write_file_atomically() does.
void write_safetensors(const std::filesystem::path& path, const NamedArrays& what);

}  // namespace kindling
