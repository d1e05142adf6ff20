#pragma once

#include <filesystem>

#include "engine/array.h"

namespace kindling {

/// Reads a file of bytes in the IDX format, the one of MNIST (Y. LeCun, "The MNIST database"):
///
///     00 00 08 rank          08 says that the elements are unsigned bytes
///     rank extents           32 bits each, most significant byte first
///     the elements           row-major
///
/// The file may be plain or gzip (RFC 1952, also in several members): its first bytes decide, not
/// its name. The result has the extents of the file and owns its buffer.
///
/// Throws Error, in one line that names the file, unless the file is exactly that: readable, of
/// this rank, neither shorter nor longer than its extents say, and with a gzip checksum that
/// agrees. A header that promises more than the file can hold allocates nothing.
ByteArray read_idx(const std::filesystem::path& path, int rank);

}  // namespace kindling
