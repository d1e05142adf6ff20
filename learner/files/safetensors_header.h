#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "engine/shape.h"

/// The header of a safetensors file, as text and as what it says. Only safetensors.cpp and its
/// tests include this.
namespace kindling::safetensors {

/// The types of numbers that are read. The format has more.
enum class Dtype { f32, f64, i64 };
/// Those that one number takes.
std::uint64_t bytes_of(Dtype dtype);
/// As the header has it: "F32", "F64" or "I64".
const char* name_of(Dtype dtype);

/// What the header says of an array.
struct Entry {
  /// Of the array; its numbers are row-major.
  /// @{
  std::string name;
  Dtype dtype = Dtype::f32;
  Shape shape;
  /// @}
  /// Of its bytes, behind the header.
  /// @{
  std::uint64_t begin = 0, end = 0;
  /// @}
};

/// All that a header says.
struct Header {
  std::vector<Entry> entries;                   ///< In the order of their bytes.
  std::map<std::string, std::string> metadata;  ///< What stands under "__metadata__".
};

/// Each is worth hundreds of bytes of memory, so a file that means harm may not have any number.
inline constexpr std::size_t kMaxNames = 16384;

/// Throws Error, beginning with `who` (a path), unless the text is a header whose entries fill
/// `data_bytes` bytes one behind the other, and are no more than kMaxNames together with the words
/// of the metadata. Needs memory in proportion to the longest text in it.
Header parse_header(std::string_view text, std::uint64_t data_bytes, const std::string& who);

/// The text, filled up with spaces to a multiple of 8 bytes. Throws Error, beginning with `who`,
/// for words that are not UTF-8.
std::string header_text(const Header& header, const std::string& who);

}  // namespace kindling::safetensors
