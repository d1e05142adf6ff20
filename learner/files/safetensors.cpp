#include "learner/files/safetensors.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <bit>
#include <fstream>
#include <set>

#include "data/read_file.h"
#include "engine/error.h"
#include "learner/files/atomic_file.h"
#include "learner/files/safetensors_header.h"

namespace kindling {

static_assert(std::endian::native == std::endian::little, "the numbers are written as they lie");

using namespace safetensors;

namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMaxHeader = 100'000'000;
constexpr Dtype kOurs = sizeof(Scalar) == 4 ? Dtype::f32 : Dtype::f64;

// The format has no checksum, but it has room for words. Ours is the CRC-32 of all that follows
// the length, taken with eight zeros in its own place.
const std::string kChecksum = "crc32", kNoChecksum = "00000000";

std::uint32_t checksum(std::uint32_t so_far, const void* bytes, std::uint64_t n) {
  return static_cast<std::uint32_t>(
      ::crc32_z(so_far, static_cast<const Bytef*>(bytes), static_cast<z_size_t>(n)));
}

/// Where the digits of a checksum stand in the text of a header; npos if it has none.
std::size_t find_checksum(const std::string& text, const std::string& digits) {
  const std::string before = "\"" + kChecksum + "\":\"";
  const std::size_t at = text.find(before + digits + "\"");
  return at == std::string::npos ? at : at + before.size();
}

std::string digits_of(std::uint32_t number) {
  std::string digits(8, '0');
  for (std::size_t i = 8; i-- > 0; number >>= 4) digits[i] = "0123456789abcdef"[number % 16];
  return digits;
}

/// A regular file, read from its beginning.
class Reader {
 public:
  explicit Reader(const fs::path& path)
      : path_(path), size_(open_regular_file(path, "safetensors", file_)) {}
  std::uint64_t size() const { return size_; }
  void read(void* to, std::uint64_t bytes) {
    file_.read(static_cast<char*>(to), static_cast<std::streamsize>(bytes));
    check<Error>(static_cast<std::uint64_t>(file_.gcount()) == bytes, "safetensors", path_,
                 ": cannot be read, or became shorter meanwhile");
    checksum_ = checksum(checksum_, to, bytes);
  }
  /// Of all that was read since it was set.
  std::uint32_t checksum_so_far() const { return checksum_; }
  void set_checksum(std::uint32_t value) { checksum_ = value; }

 private:
  fs::path path_;
  std::ifstream file_;
  std::uint64_t size_;
  std::uint32_t checksum_ = 0;
};

/// `count` numbers of type T as Scalars, a buffer at a time.
template <class T>
void read_as(Reader& in, Index count, Scalar* out) {
  std::array<T, 4096> buffer;
  while (count > 0) {
    const Index n = std::min<Index>(count, std::ssize(buffer));
    in.read(buffer.data(), static_cast<std::uint64_t>(n) * sizeof(T));
    for (Index i = 0; i < n; ++i) *out++ = static_cast<Scalar>(buffer[static_cast<std::size_t>(i)]);
    count -= n;
  }
}

Array read_array(Reader& in, const Entry& entry) {
  Array array(entry.shape);
  if (entry.dtype == kOurs)
    in.read(array.data(), entry.end - entry.begin);
  else if (entry.dtype == Dtype::f32)
    read_as<float>(in, array.size(), array.data());
  else if (entry.dtype == Dtype::f64)
    read_as<double>(in, array.size(), array.data());
  else
    read_as<std::int64_t>(in, array.size(), array.data());
  return array;
}

}  // namespace

const Array* NamedArrays::find(const std::string& name) const {
  for (const auto& [known, array] : arrays)
    if (known == name) return &array;
  return nullptr;
}

NamedArrays read_safetensors(const fs::path& path) {
  Reader in(path);
  std::uint64_t length = 0;
  check<Error>(in.size() >= sizeof(length), "safetensors", path, ": ", in.size(),
               " bytes, too few for a header");
  in.read(&length, sizeof(length));
  const std::uint64_t rest = in.size() - sizeof(length);
  check<Error>(length <= kMaxHeader && length <= rest, "safetensors", path,
               ": is no safetensors file or a cut one: a header of ", length,
               " bytes in a file of ", in.size());
  std::string text(length, '\0');
  in.read(text.data(), length);
  Header header = parse_header(text, rest - length, str(path));
  const auto word = header.metadata.extract(kChecksum);
  const std::size_t at = word ? find_checksum(text, word.mapped()) : std::string::npos;
  if (at != std::string::npos) text.replace(at, word.mapped().size(), kNoChecksum);
  in.set_checksum(checksum(0, text.data(), text.size()));

  NamedArrays result;
  result.metadata = std::move(header.metadata);
  for (const Entry& entry : header.entries)
    result.arrays.emplace_back(entry.name, read_array(in, entry));
  check<Error>(
      !word || word.mapped() == digits_of(in.checksum_so_far()), "safetensors", path,
      ": damaged (or changed by another program, which must leave out the word crc32): its "
      "checksum is ",
      digits_of(in.checksum_so_far()), ", it says ", word ? word.mapped() : "");
  return result;
}

void write_safetensors(const fs::path& path, const NamedArrays& what) {
  Header header;
  header.metadata = what.metadata;
  header.metadata[kChecksum] = kNoChecksum;
  std::set<std::string> names{"", "__metadata__"};
  // One name is that of the metadata.
  check<Error>(what.arrays.size() + header.metadata.size() < kMaxNames, "safetensors", path, ": ",
               what.arrays.size(), " arrays, more than ", kMaxNames, " names and words");
  std::uint64_t at = 0;
  for (const auto& [name, array] : what.arrays) {
    check<Error>(names.insert(name).second, "safetensors", path, ": '", name,
                 "': a name of its own expected");
    check<Error>(array.defined(), "safetensors", path, ": '", name, "' is undefined");
    const std::uint64_t bytes = static_cast<std::uint64_t>(array.size()) * sizeof(Scalar);
    header.entries.push_back({name, kOurs, array.shape(), at, at + bytes});
    at += bytes;
  }
  std::string text = header_text(header, str(path));
  const std::uint64_t length = text.size();
  // What could not be read again must not take the place of a file that can.
  check<Error>(length <= kMaxHeader, "safetensors", path, ": a header of ", length,
               " bytes, at most ", kMaxHeader, " expected");
  std::uint32_t sum = checksum(0, text.data(), text.size());
  for (const auto& [name, array] : what.arrays)
    sum = checksum(sum, array.data(), static_cast<std::uint64_t>(array.size()) * sizeof(Scalar));
  text.replace(find_checksum(text, kNoChecksum), kNoChecksum.size(), digits_of(sum));
  std::vector<std::string_view> pieces{{reinterpret_cast<const char*>(&length), sizeof(length)},
                                       text};
  for (const auto& [name, array] : what.arrays)
    pieces.emplace_back(reinterpret_cast<const char*>(array.data()),
                        static_cast<std::size_t>(array.size()) * sizeof(Scalar));
  write_file_atomically(path.string(), pieces, "safetensors");
}

}  // namespace kindling
