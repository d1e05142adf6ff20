#include "learner/files/safetensors.h"

#include <bit>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <set>

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

/// A regular file, read from its beginning.
class Reader {
 public:
  explicit Reader(const fs::path& path) : path_(path) {
    std::error_code error;
    const fs::file_status status = fs::status(path, error);
    check<Error>(status.type() != fs::file_type::not_found, "safetensors", path,
                 ": there is no such file");
    // A pipe or a device has no size that a header could be held against.
    check<Error>(fs::is_regular_file(status), "safetensors", path, ": is not a regular file");
    size_ = fs::file_size(path, error);
    check<Error>(!error, "safetensors", path, ": has no size: ", error.message());
    file_.open(path, std::ios::binary);
    check<Error>(file_.is_open(), "safetensors", path,
                 ": cannot be opened: ", std::strerror(errno));
  }
  std::uint64_t size() const { return size_; }
  void read(void* to, std::uint64_t bytes) {
    file_.read(static_cast<char*>(to), static_cast<std::streamsize>(bytes));
    check<Error>(static_cast<std::uint64_t>(file_.gcount()) == bytes, "safetensors", path_,
                 ": cannot be read, or became shorter meanwhile");
  }

 private:
  fs::path path_;
  std::ifstream file_;
  std::uint64_t size_ = 0;
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
  const Header header = parse_header(text, rest - length, str(path));
  NamedArrays result;
  result.metadata = header.metadata;
  for (const Entry& entry : header.entries)
    result.arrays.emplace_back(entry.name, read_array(in, entry));
  return result;
}

void write_safetensors(const fs::path& path, const NamedArrays& what) {
  Header header;
  header.metadata = what.metadata;
  std::set<std::string> names{"", "__metadata__"};
  std::uint64_t at = 0;
  for (const auto& [name, array] : what.arrays) {
    check<Error>(names.insert(name).second, "safetensors", path, ": '", name,
                 "': a name of its own expected");
    check<Error>(array.defined(), "safetensors", path, ": '", name, "' is undefined");
    const std::uint64_t bytes = static_cast<std::uint64_t>(array.size()) * sizeof(Scalar);
    header.entries.push_back({name, kOurs, array.shape(), at, at + bytes});
    at += bytes;
  }
  const std::string text = header_text(header);
  const std::uint64_t length = text.size();
  std::vector<std::string_view> pieces{{reinterpret_cast<const char*>(&length), sizeof(length)},
                                       text};
  for (const auto& [name, array] : what.arrays)
    pieces.emplace_back(reinterpret_cast<const char*>(array.data()),
                        static_cast<std::size_t>(array.size()) * sizeof(Scalar));
  write_file_atomically(path.string(), pieces, "safetensors");
}

}  // namespace kindling
