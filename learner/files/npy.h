#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <variant>

#include "engine/array.h"

namespace kindling {

/// What a .npy file holds, in the type of ours that is nearest:
///
///     <f4, <f8      Array       f8 is rounded to Scalars
///     <i4, <i8      IntArray    an i8 that has no room in 32 bits is an Error
///     |u1           ByteArray
using NpyArray = std::variant<Array, IntArray, ByteArray>;

/// NumPy's format for one array (numpy.org, "NEP 1" and numpy.lib.format), versions 1.0 to 3.0:
///
///     93 'NUMPY' major minor
///     2 bytes (version 1) or 4     N, the size of the header, little-endian
///     N bytes                      {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), },
///                                  then spaces and a line feed
///     the numbers                  row-major, or the first axis fastest in Fortran order
///
/// The result is row-major either way. Throws Error, in one line that names the file, unless it is
/// exactly that: a header of at most 10,000 bytes (NumPy's own limit) with these three fields, once
/// each; a type from the list above, little-endian; at most 8 axes; and as many bytes behind it as
/// the shape says. The format has no checksum: a damaged number is read as it is (a .npz has one).
/// Takes memory for the file and, once its size is known to agree, for the array.
NpyArray read_npy(const std::filesystem::path& path);

/// Version 1.0, row-major, the numbers aligned to 64 bytes: Scalars as <f4 (<f8 in double), whole
/// numbers as <i8, bytes as |u1. Whole or not at all. Throws Error for an undefined array,
/// std::runtime_error as write_file_atomically() does.
void write_npy(const std::filesystem::path& path, const NpyArray& array);

/// Whatever it is, as Scalars.
Array as_scalars(const NpyArray& array);
/// Whole numbers or bytes. Throws Error, beginning with `who`, for Scalars.
IntArray as_integers(const NpyArray& array, const std::string& who = "[npy] the array");

/// The same as bytes in memory: what .npz files are made of. `who` begins each error.
/// @{
NpyArray parse_npy(std::string_view bytes, const std::string& who);
std::string npy_bytes(const NpyArray& array, const std::string& who);
/// @}

}  // namespace kindling
